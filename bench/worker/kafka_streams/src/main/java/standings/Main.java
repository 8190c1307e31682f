package standings;

import java.net.URI;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;

/** Full peer: Kafka Streams. The argument is the processing guarantee. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    Map<String, String> env = System.getenv();
    Mirror mirror = new Mirror(URI.create(env.get("BENCH_REDIS")), env.get("BENCH_PREFIX"));
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(env.get("BENCH_TOPIC"), Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
        .process(Standings.supplier(mirror));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings(env, args[0]));
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  streams.close();
                  stopped.countDown();
                }));
    Thread thread = new Thread(mirror, "mirror");
    thread.setDaemon(true);
    thread.start();
    streams.start();
    stopped.await();
  }

  private static Properties settings(Map<String, String> env, String guarantee) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, env.get("BENCH_GROUP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env.get("BENCH_KAFKA"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, env.get("BENCH_DIR"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    settings.put(
        StreamsConfig.NUM_STREAM_THREADS_CONFIG, env.getOrDefault("BENCH_STREAM_THREADS", "1"));
    // The same for every full peer: what is counted is durable after half a second at the latest.
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 500);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4_000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 * 1024);
    return settings;
  }
}

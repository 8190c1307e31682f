package standings;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Keeps the units of one partition in a store, and the counts that follow from them beside it.
 *
 * <p>The store is keyed by unit, as the topic is: a change needs the whole unit to rank it. It has
 * no cache: in front of a store in memory that cost more time than the changelog records that it
 * saved.
 */
final class Standings implements Processor<Bytes, byte[], Void, Void> {
  private static final String STORE = "units";
  private static final Duration REPORT = Duration.ofMillis(50);

  private final Mirror mirror;
  private final Counts counts = new Counts();
  private KeyValueStore<Bytes, byte[]> units;

  private Standings(Mirror mirror) {
    this.mirror = mirror;
  }

  static ProcessorSupplier<Bytes, byte[], Void, Void> supplier(Mirror mirror) {
    return new ProcessorSupplier<>() {
      @Override
      public Processor<Bytes, byte[], Void, Void> get() {
        return new Standings(mirror);
      }

      @Override
      public Set<StoreBuilder<?>> stores() {
        return Set.of(
            Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore(STORE), Serdes.Bytes(), Serdes.ByteArray())
                .withLoggingEnabled(Map.of()));
      }
    };
  }

  @Override
  public void init(ProcessorContext<Void, Void> context) {
    units = context.getStateStore(STORE);
    try (KeyValueIterator<Bytes, byte[]> restored = units.all()) {
      while (restored.hasNext()) {
        KeyValue<Bytes, byte[]> unit = restored.next();
        String key = unit.key.toString();
        Unit.decode(unit.value).count(key.substring(0, key.indexOf('/')), counts, +1);
      }
    }
    int partition = context.taskId().partition();
    context.schedule(
        REPORT,
        PunctuationType.WALL_CLOCK_TIME,
        timestamp -> mirror.take(partition, counts.copy()));
  }

  @Override
  public void process(Record<Bytes, byte[]> record) {
    Result result;
    try {
      result = Result.read(record.value());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Unit unit = Unit.decode(units.get(record.key()));
    if (unit.put(result, counts)) {
      units.put(record.key(), unit.encode());
    }
    counts.records++;
  }
}

package standings;

import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Transaction;

/** Adds up the counts of all partitions and writes them to Redis, all at once. */
final class Mirror implements Runnable {
  private static final long PERIOD_MS = 50;

  private final Map<Integer, Counts> partitions = new ConcurrentHashMap<>();
  private final URI redis;
  private final String prefix;

  Mirror(URI redis, String prefix) {
    this.redis = redis;
    this.prefix = prefix;
  }

  /** Takes a copy of a partition's counts, from the thread that keeps them. */
  void take(int partition, Counts copy) {
    partitions.put(partition, copy);
  }

  @Override
  public void run() {
    long written = 0;
    try (Jedis jedis = new Jedis(redis)) {
      while (!Thread.currentThread().isInterrupted()) {
        Thread.sleep(PERIOD_MS);
        Counts total = new Counts();
        partitions.values().forEach(total::add);
        if (total.records != written) {
          write(jedis, total);
          written = total.records;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void write(Jedis jedis, Counts total) {
    try (Transaction transaction = jedis.multi()) {
      total
          .rows()
          .forEach(
              (sport, faculties) ->
                  faculties.forEach(
                      (faculty, counts) -> {
                        Map<String, String> fields = new HashMap<>();
                        for (int i = 0; i < counts.length; i++) {
                          fields.put(Counts.NAMES[i], Long.toString(counts[i]));
                        }
                        transaction.hset(prefix + "sport:" + sport + ":faculty:" + faculty, fields);
                      }));
      transaction.hset(prefix + "meta", "snapshot", Long.toString(total.records));
      transaction.exec();
    }
  }
}

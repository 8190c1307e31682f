package standings;

import java.util.HashMap;
import java.util.Map;

/** Counts by sport and faculty, of one partition or of several. */
final class Counts {
  static final int ENTRIES = 0;
  static final int WINNERS = 1;
  static final int LOSERS = 2;
  static final int GOLD = 3;
  static final String[] NAMES = {"entries", "winners", "losers", "gold", "silver", "bronze"};

  /** Records processed. */
  long records;

  private final Map<String, Map<String, long[]>> rows = new HashMap<>();

  long[] row(String sport, String faculty) {
    return rows.computeIfAbsent(sport, s -> new HashMap<>())
        .computeIfAbsent(faculty, f -> new long[NAMES.length]);
  }

  void add(Counts other) {
    records += other.records;
    other.rows.forEach(
        (sport, faculties) ->
            faculties.forEach(
                (faculty, counts) -> {
                  long[] row = row(sport, faculty);
                  for (int i = 0; i < row.length; i++) {
                    row[i] += counts[i];
                  }
                }));
  }

  Counts copy() {
    Counts copy = new Counts();
    copy.add(this);
    return copy;
  }

  Map<String, Map<String, long[]>> rows() {
    return rows;
  }
}

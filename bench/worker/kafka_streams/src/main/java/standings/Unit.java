package standings;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** The surviving results of a unit: the value of a key in the store. */
final class Unit {
  /** What is kept of a competitor's surviving result. */
  record Place(
      String competitor,
      String name,
      String faculty,
      String phase,
      String status,
      long version,
      long mark) {}

  private final List<Place> places;

  private Unit(List<Place> places) {
    this.places = places;
  }

  /** Reads what {@link #encode} wrote; null is an empty unit. */
  static Unit decode(byte[] data) {
    if (data == null) {
      return new Unit(new ArrayList<>(1));
    }
    ByteBuffer buffer = ByteBuffer.wrap(data);
    int size = buffer.getInt();
    List<Place> places = new ArrayList<>(size + 1);
    for (int i = 0; i < size; i++) {
      long version = buffer.getLong();
      long mark = buffer.getLong();
      places.add(
          new Place(
              text(buffer), text(buffer), text(buffer), text(buffer), text(buffer), version, mark));
    }
    return new Unit(places);
  }

  byte[] encode() {
    int size = 4;
    byte[][] texts = new byte[places.size() * 5][];
    int next = 0;
    for (Place place : places) {
      texts[next++] = bytes(place.competitor);
      texts[next++] = bytes(place.name);
      texts[next++] = bytes(place.faculty);
      texts[next++] = bytes(place.phase);
      texts[next++] = bytes(place.status);
      size += 16;
    }
    for (byte[] text : texts) {
      size += 2 + text.length;
    }
    ByteBuffer buffer = ByteBuffer.allocate(size);
    buffer.putInt(places.size());
    next = 0;
    for (Place place : places) {
      buffer.putLong(place.version).putLong(place.mark);
      for (int i = 0; i < 5; i++) {
        byte[] text = texts[next++];
        buffer.putShort((short) text.length).put(text);
      }
    }
    return buffer.array();
  }

  /** Replaces a result by a higher version of it; tells whether the unit and the counts changed. */
  boolean put(Result result, Counts counts) {
    int index = indexOf(result.competitor());
    if (index >= 0 && places.get(index).version >= result.version()) {
      return false;
    }
    Place place =
        new Place(
            result.competitor(),
            result.name(),
            result.faculty(),
            result.phase(),
            result.status(),
            result.version(),
            result.mark());
    count(result.sport(), counts, -1);
    if (index >= 0) {
      places.set(index, place);
    } else {
      places.add(place);
    }
    count(result.sport(), counts, +1);
    return true;
  }

  /** Counts everybody in the unit, or takes all of it back: rank by mark, ties share. */
  void count(String sport, Counts counts, int sign) {
    for (Place place : places) {
      int better = 0;
      for (Place other : places) {
        if (other.mark < place.mark) {
          better++;
        }
      }
      long[] row = counts.row(sport, place.faculty);
      row[Counts.ENTRIES] += sign;
      row[better == 0 ? Counts.WINNERS : Counts.LOSERS] += sign;
      if (better < 3 && place.phase.equals("final")) {
        row[Counts.GOLD + better] += sign;
      }
    }
  }

  private int indexOf(String competitor) {
    for (int i = 0; i < places.size(); i++) {
      if (places.get(i).competitor.equals(competitor)) {
        return i;
      }
    }
    return -1;
  }

  private static byte[] bytes(String text) {
    return text == null ? new byte[0] : text.getBytes(UTF_8);
  }

  private static String text(ByteBuffer buffer) {
    int length = buffer.getShort();
    String text = new String(buffer.array(), buffer.position(), length, UTF_8);
    buffer.position(buffer.position() + length);
    return text;
  }
}

package standings;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;

/** A result as it stands on the topic; the mark in thousandths. */
record Result(
    String sport,
    String phase,
    String competitor,
    String name,
    String faculty,
    String status,
    long version,
    long mark) {

  private static final JsonFactory JSON = new JsonFactory();

  /** Reads the canonical JSON with Jackson's streaming parser, its fastest way. */
  static Result read(byte[] data) throws IOException {
    String sport = null;
    String phase = null;
    String competitor = null;
    String name = null;
    String faculty = null;
    String status = null;
    long version = 0;
    long mark = 0;
    try (JsonParser parser = JSON.createParser(data)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "sport" -> sport = parser.getText();
          case "phase" -> phase = parser.getText();
          case "faculty" -> faculty = parser.getText();
          case "status" -> status = parser.getText();
          case "version" -> version = parser.getLongValue();
          case "mark" -> mark = thousandths(parser.getText());
          case "competitor" -> {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
              String part = parser.currentName();
              parser.nextToken();
              switch (part) {
                case "id" -> competitor = parser.getText();
                case "name" -> name = parser.getText();
                default -> parser.skipChildren();
              }
            }
          }
          default -> parser.skipChildren();
        }
      }
    }
    if (sport == null || competitor == null || faculty == null || phase == null) {
      throw new IOException("not a result");
    }
    return new Result(sport, phase, competitor, name, faculty, status, version, mark);
  }

  /** Marks on the topic have three decimals always. */
  private static long thousandths(String mark) {
    int point = mark.length() - 4;
    if (point > 0 && mark.charAt(point) == '.') {
      return Long.parseLong(mark, 0, point, 10) * 1000
          + Integer.parseInt(mark, point + 1, mark.length(), 10);
    }
    return new BigDecimal(mark).movePointRight(3).longValueExact();
  }
}

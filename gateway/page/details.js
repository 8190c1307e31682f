// Views of one event with its units, and of one competitor.
import { asking } from "./asking.js";
import { listing } from "./events.js";
import { to } from "./routes.js";

const MEDALS = ["gold", "silver", "bronze"];

// `page` gives what the page says and how; see app.js.
export function stateOf(page, rows) {
  const open = rows.filter((it) => it.status === "unofficial").length;
  if (open === 0) return "";
  return page.word(open === rows.length ? "unofficial" : "running");
}

// Results of a unit that were replaced or withdrawn, the last one first.
export function corrections(page, sport, unit) {
  const { make, word } = page;
  const list = make("ul", { class: "lines" });
  const node = make("section", { class: "corrections", hidden: "" },
    make("h2", { class: "section" }, word("corrections")), list);
  const path = [sport, unit].map(encodeURIComponent).join("/");
  const question = asking({
    path: () => `v1/events/${path}?limit=1`,
    told(answer) {
      const changes = answer.units[0].changes;
      node.hidden = changes.length === 0;
      list.replaceChildren(...changes.slice(0, 20).map((it) => make("li", {},
        page.competitor(it), ", ", page.facultyTitle(it.faculty), ": ",
        word(it.status === "withdrawn" ? "wasWithdrawn" : "wasCorrected",
          { version: page.number(it.version) }))));
    },
    failed() {
      node.hidden = true;
    },
  });
  return { node, update: question.ask, leave: question.leave };
}

function unitTable(page, unit) {
  const { make, word, number } = page;
  const columns = ["rank", "competitor", "faculty", "mark", "medal"];
  const more = unit.results - unit.rows.length;
  return make("div", {},
    make("table", { class: "unit" },
      make("caption", { class: "unseen" }, page.eventTitle(unit)),
      make("thead", {}, make("tr", {}, ...columns.map((it) =>
        make("th", { scope: "col", class: it }, make("span", {}, word(it)))))),
      make("tbody", {}, ...unit.rows.map(page.row))),
    more > 0 ? make("p", { class: "aside" }, make("a", { href: to.event(unit.sport, unit.unit) },
      word("showMore", { count: number(more) }))) : null);
}

// All units of an event.
export function eventView(page, main, sport, event) {
  const { make, say, word } = page;
  const title = page.heading(event);
  const where = make("p", { class: "where" });
  const self = { title: event };
  const units = listing(page, {
    path: `events/${[sport, event].map(encodeURIComponent).join("/")}`, parameters: () => ({}),
    items: "units", level: "h2", step: 12, most: 100,
    keyOf: (it) => it.unit,
    line: (it) => make("li", {}, make("div", { class: "what" },
      make("a", { href: to.event(it.sport, it.unit) },
        page.stageOf(it) || page.eventTitle(it)), " ", page.stateTag(it.state)),
      unitTable(page, it)),
    group: (it) => page.words("phases")[it.phase] ?? it.phase,
    nothing: () => word("noUnit"),
    missing: "noUnit",
    counted(told) {
      const named = told.titles[page.language()] ?? told.title ?? event;
      say(title, named);
      if (self.title !== named) {
        self.title = named;
        page.titled();
      }
      const phase = page.words("phase")[told.phase];
      const state = told.state === "official" ? ""
        : `, ${word(told.state === "running" ? "running" : "unofficial")}`;
      where.replaceChildren(make("a", { href: to.sport(told.sport) }, page.sportTitle(told.sport)),
        ` · ${phase}${state}`);
      return word(told.total === 1 ? "oneUnit" : "units", { count: page.number(told.total) });
    },
  });
  main.replaceChildren(make("section", { class: "first unit" }, title, where, units.node));
  return Object.assign(self, { update: units.update, leave: units.leave });
}

// All results of a competitor.
export function competitorView(page, main, competitor) {
  const { make, say, word, number } = page;
  const title = page.heading(competitor);
  const where = make("p", { class: "where" });
  const others = make("p", { class: "aside" });
  const self = { title: competitor };
  const results = listing(page, {
    path: `competitors/${encodeURIComponent(competitor)}`, parameters: () => ({}),
    items: "results", level: "h2", step: 60,
    keyOf: (it) => `${it.sport}/${it.unit}`,
    line: (it) => resultLine(page, it),
    group: (it) => page.words("phases")[it.phase] ?? it.phase,
    nothing: () => word("noCompetitor"),
    missing: "noCompetitor",
    counted(told) {
      const named = told.name ?? told.competitor;
      say(title, named);
      if (self.title !== named) {
        self.title = named;
        page.titled();
      }
      where.replaceChildren(
        make("a", { class: "standing", href: to.faculty(told.faculty) },
          page.facultyTitle(told.faculty)),
        ...MEDALS.map((name) => make("span", { class: "standing" }, page.disc(name),
          make("span", { class: "unseen" }, word(name)), number(told.medals[name]))));
      // Numbers such as 7 may be several people's.
      say(others, told.named.length > 1 ? word("sharedId", { id: told.competitor,
        names: told.named.slice(0, 6).map((it) =>
          `${it.name ?? told.competitor} (${page.facultyTitle(it.faculty)})`).join(", ") }) : "");
      return word(told.total === 1 ? "oneResult" : "resultsCount", { count: number(told.total) });
    },
  });
  main.replaceChildren(make("section", { class: "first competitor" }, title, where, others,
    results.node));
  return Object.assign(self, { update: results.update, leave: results.leave });
}

function resultLine(page, it) {
  const { make, word, number } = page;
  const stage = page.stageOf(it);
  const place = it.rank === null ? "" : word("placeOf",
    { rank: number(it.rank), total: number(it.results) });
  return make("li", { class: "medallist" },
    it.medal ? page.disc(it.medal) : make("span"),
    make("span", { class: "what" },
      make("a", { href: to.event(it.sport, it.unit) }, page.eventTitle(it),
        stage ? make("span", { class: "stage" }, ` · ${stage}`) : null), " ",
      it.status === "official" ? null : make("span", { class: "tag" }, word(it.status)), " ",
      make("span", { class: "aside" }, page.sportTitle(it.sport))),
    make("span", {}, it.medal ? `${word(it.medal)} · ` : "", place),
    page.scoreOf(it));
}

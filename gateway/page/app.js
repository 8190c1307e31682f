// The live page. It shows what /v1/stream tells, and says so when it tells nothing.
// Texts from results only ever become text nodes.
import { field, listing } from "./events.js";
import { asking, mayBeBetter } from "./asking.js";
import { competitorView, corrections, eventView, stateOf } from "./details.js";
import { changed, justIn, latestView } from "./latest.js";
import { go, isEventCode, keepInAddress, listen, route, to } from "./routes.js";
import { bigScreen } from "./kiosk.js";
import { follow } from "./stream.js";
import { WORDS } from "./words.js";

const COUNTS = ["entries", "winners", "losers", "ties", "did_not_start", "gold", "silver", "bronze"];
const MEDALS = ["gold", "silver", "bronze"];
const SPLITS = ["winners", "losers", "ties", "did_not_start"];
const OLD = 5; // seconds: snapshots are written every second
const MANY = 20; // faculties or sports; of more than these, not all are shown at first
const FIRST = 50; // of many faculties, those that are shown at first
const NAMED = 8; // sports in the head
const BESIDE = 10; // of many sports, those that are listed beside the medal table
const PLACES = 200; // of a unit that are shown at first
const PAGE = 1000; // places that the gateway tells at a time
const HITS = 6; // of each kind that a search lists by name
const TURN = 10; // seconds until the big screen turns its pages

const query = new URLSearchParams(location.search);
const kiosk = query.has("kiosk");
const root = document.documentElement;
const main = document.getElementById("main");
const searchField = document.getElementById("query");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

let language = choice("lang", Object.keys(WORDS)) ?? preferredLanguage();
let theme = choice("theme", ["light", "dark"]);
let standings = null;
let latest = []; // the changes that people tell each other, newest first
let rates = [];
let catalogue = ""; // as it was told last
let titles = { sports: new Map(), faculties: new Map() };
let games = { title: null, titles: {}, begins: null, ends: null, place: null };
let known = { age: null, at: 0 }; // the data's age, and when we were told
let connection = "connecting"; // … live, delayed, lost
let readable = true;
let problem = null; // nothing is accepted or counted, and why
let view = null; // what is shown: {update, kind}
let all = false; // whether faculties without medals are listed
let lastUnit = { path: null, told: null }; // of which a view that is built anew has to show at once

// ---------------------------------------------------------------- small tools

function choice(name, allowed) {
  const given = query.get(name) ?? stored(name);
  return allowed.includes(given) ? given : null;
}

function stored(name, value) {
  // A browser may forbid storage: then the choice lasts as long as the page.
  try {
    if (value !== undefined) localStorage.setItem(`medallero.${name}`, value);
    return localStorage.getItem(`medallero.${name}`);
  } catch {
    return null;
  }
}

function preferredLanguage() {
  const wanted = navigator.languages.map((it) => it.slice(0, 2).toLowerCase());
  return wanted.find((it) => it in WORDS) ?? "en";
}

function word(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, it) => values[it]);
}

function number(value) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 0, useGrouping: "min2" })
    .format(value);
}

function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h`;
}

function make(tag, attributes = {}, ...children) {
  const svg = tag === "svg" || tag === "path" || tag === "line";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((it) => it !== null));
  return node;
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function disc(medal) {
  return make("span", { class: `disc ${medal}`, "aria-hidden": "true" });
}

function titleOf(kind, name) {
  const it = titles[kind].get(name);
  return it ? it.titles[language] ?? it.title : name;
}

const sportTitle = (name) => titleOf("sports", name);
const facultyTitle = (name) => titleOf("faculties", name);
const locale = () => navigator.languages.find((it) => it.startsWith(language)) ?? language;

function whenAndWhere() {
  const days = [games.begins, games.ends].filter(Boolean).map((it) => new Date(`${it}T12:00`));
  const format = new Intl.DateTimeFormat(locale(), { dateStyle: "long" });
  const when = days.length === 2 ? format.formatRange(...days) : days.map((it) => format.format(it))[0];
  return [when, games.place].filter(Boolean).join(" · ");
}

// The time of day, and the day if it is another one.
function when(seconds) {
  const time = new Date(seconds * 1000);
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString(locale(), { timeStyle: "short", ...(today ? {} : { dateStyle: "short" }) });
}

const gamesTitle = () => games.titles[language] ?? games.title ?? "Medallero";

// A code of the Olympic Data Feed is filled up with "-": for people that is a blank.
function unitTitle(unit) {
  return /^[A-Z0-9]{3}[MWXO-][A-Z0-9.+-]{30}$/.test(unit)
    ? unit.replace(/-+/g, " ").replace(/^(.{3})(.)/, "$1 $2 ").trim() : unit;
}

// ---------------------------------------------------------------- what the standings say

function facultiesIn(sport) {
  if (sport === null) return standings.medal_table;
  // The rule of the overall table: gold, then silver, then bronze; equals share the rank, by name.
  const rows = standings.pairs.filter((it) => it.sport === sport).map((it) => ({
    ...it, total: it.gold + it.silver + it.bronze,
  }));
  const order = (a, b) => b.gold - a.gold || b.silver - a.silver || b.bronze - a.bronze;
  rows.sort((a, b) => order(a, b) || (a.faculty < b.faculty ? -1 : 1));
  rows.forEach((row, place) => {
    const before = rows[place - 1];
    row.rank = before && order(before, row) === 0 ? before.rank : place + 1;
  });
  return rows;
}

function sportsShown() {
  const used = standings.sports.filter((it) => it.entries > 0);
  const shown = hasMany() && used.length ? used : standings.sports;
  return [...shown].sort((a, b) => b.entries - a.entries || (a.sport < b.sport ? -1 : 1));
}

// More sports than fit beside the medal table: then all of them have a page of their own.
const hasMany = () => standings.sports.length > BESIDE;
const allSports = () => word("allSports", { count: number(standings.sports.length) });

const isEmpty = () => standings.state === "empty" || standings.meta.results === 0;

// ---------------------------------------------------------------- the parts of a view

// A table whose rows keep their identity, so that they can move to their new places. `lines()` are
// all there are, `choose(lines)` those that are shown; `name(faculty)` makes what a faculty is called.
function medalTable(caption, { lines, choose, name }) {
  const columns = ["rank", "faculty", ...MEDALS, "total"];
  const head = columns.map((it) => make("th", { scope: "col", class: it },
    MEDALS.includes(it) ? disc(it) : null, make("span", {}, word(it))));
  const body = make("tbody");
  const node = make("table", { class: "medals" }, make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, ...head)), body);
  const rows = new Map();

  function row(faculty) {
    const bar = make("span", { class: "bar", "aria-hidden": "true" },
      ...MEDALS.map((it) => make("span", { class: it })));
    const cells = Object.fromEntries(columns.map((it) => [it,
      make(it === "faculty" ? "th" : "td", { class: it, scope: it === "faculty" ? "row" : null })]));
    const colour = titles.faculties.get(faculty)?.colour;
    if (colour) {
      cells.faculty.classList.add("coloured");
      cells.faculty.style.setProperty("--colour", colour);
    }
    cells.faculty.append(name(faculty), bar);
    return { node: make("tr", { "data-faculty": faculty }, ...Object.values(cells)), cells, bar };
  }

  function fill(it, line, most) {
    for (const column of ["rank", ...MEDALS, "total"]) {
      const cell = it.cells[column];
      const text = number(line[column]);
      const changed = cell.textContent !== "" && cell.textContent !== text;
      say(cell, text);
      cell.classList.toggle("none", line[column] === 0);
      if (changed && column !== "rank" && !calm.matches) {
        cell.animate([{ backgroundColor: "var(--glow)" }, { backgroundColor: "transparent" }], 1600);
      }
    }
    it.node.classList.toggle("leader", line.rank === 1 && line.total > 0);
    MEDALS.forEach((medal, place) => {
      it.bar.children[place].style.width = `${most ? (100 * line[medal]) / most : 0}%`;
    });
  }

  function update() {
    const there = lines();
    const listed = choose(there);
    const before = new Map([...rows].map(([key, it]) => [key, it.node.offsetTop]));
    const most = Math.max(0, ...there.map((it) => it.total));
    for (const [key, it] of rows) {
      if (!listed.some((line) => line.faculty === key)) {
        it.node.remove();
        rows.delete(key);
      }
    }
    node.classList.toggle("few", there.length <= 6);
    listed.forEach((line, place) => {
      const it = rows.get(line.faculty) ?? row(line.faculty);
      rows.set(line.faculty, it);
      if (body.children[place] !== it.node) body.insertBefore(it.node, body.children[place] ?? null);
      fill(it, line, most);
    });
    for (const [key, it] of rows) moved(it.node, before.get(key));
  }
  return { node, update };
}

// The page's medal table: of many faculties, the first ones or those that are looked for.
function listedTable(caption, sport) {
  let text = "";
  const more = make("button", { type: "button", class: "more", hidden: "" });
  more.addEventListener("click", () => {
    all = !all;
    view.update();
  });
  const nothing = make("p", { class: "aside", role: "status" });
  const find = field(lists, { id: "find-faculty", label: word("findFaculty"), text,
    changed(news) {
      text = news;
      view.update();
    },
    enter: () => table.node.querySelector("tbody a")?.focus() });

  function choose(lines) {
    find.hidden = lines.length <= MANY;
    const found = text.trim() === "" ? lines
      : lines.filter((it) => isCalled(titles.faculties.get(it.faculty) ?? { name: it.faculty }, text));
    say(nothing, found.length || !lines.length ? "" : word("noFacultyFound"));
    const some = found.filter((it) => it.total > 0).slice(0, FIRST);
    const hides = found === lines && lines.length > MANY && some.length > 0
      && some.length < lines.length;
    more.hidden = !hides;
    say(more, all ? word("showFewer") : word("showAll", { count: number(lines.length) }));
    return hides && !all ? some : found;
  }

  const table = medalTable(caption, { lines: () => facultiesIn(sport), choose,
    name: (faculty) => make("a", { class: "name", href: to.faculty(faculty) }, facultyTitle(faculty)) });
  return { node: make("div", { class: "table" }, find, table.node, nothing, more),
    update: table.update };
}

function moved(node, before) {
  if (before === undefined || calm.matches) return;
  const way = before - node.offsetTop;
  if (way === 0) return;
  node.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }],
    { duration: 700, easing: "cubic-bezier(.2,.7,.2,1)" });
}

function splitBar() {
  const bar = make("div", { class: "split", "aria-hidden": "true" },
    ...SPLITS.map((name) => make("span", { class: name })));
  const list = make("dl", { class: "counts" });
  const values = {};
  for (const name of SPLITS) {
    values[name] = make("dd");
    list.append(make("div", { class: name }, make("dt", {}, word(name)), values[name]));
  }
  return {
    nodes: [bar, list],
    update(counts) {
      SPLITS.forEach((name, place) => {
        say(values[name], number(counts[name]));
        values[name].parentNode.classList.toggle("none", counts[name] === 0);
        bar.children[place].style.flexGrow = counts[name];
        bar.children[place].classList.toggle("none", counts[name] === 0);
      });
    },
  };
}

function sportCard(sport) {
  const entries = make("span", { class: "entries" });
  const split = splitBar();
  const node = make("li", { "data-sport": sport },
    make("h3", {}, make(kiosk ? "span" : "a", { href: kiosk ? null : to.sport(sport) },
      sportTitle(sport)), entries), ...split.nodes);
  return {
    node,
    update(counts) {
      say(entries, counts.entries === 0 ? word("empty")
        : `${number(counts.entries)} ${word("entries").toLowerCase()}`);
      for (const it of split.nodes) it.hidden = counts.entries === 0;
      split.update(counts);
    },
  };
}

// `shown()` gives the counts of the sports to list, in order.
function sportsList(shown) {
  const node = make("ul", { class: "sports" });
  const cards = new Map();
  function update() {
    const counted = shown();
    counted.forEach((counts, place) => {
      const card = cards.get(counts.sport) ?? sportCard(counts.sport);
      cards.set(counts.sport, card);
      card.update(counts);
      const there = node.children[place];
      if (there !== card.node) node.insertBefore(card.node, there ?? null);
    });
    while (node.children.length > counted.length) node.lastElementChild.remove();
  }
  return { node, update };
}

// What stands beside the medal table.
function sportsBeside() {
  const list = sportsList(() => sportsShown().slice(0, BESIDE));
  const further = make("p", {}, make("a", { href: to.sports() }, allSports()));
  return {
    node: make("section", {}, make("h2", {}, word("sports")), list.node, further),
    update() {
      further.hidden = !hasMany();
      list.update();
    },
  };
}

function rateLine() {
  const now = make("span", { class: "figure" });
  const most = make("span", { class: "aside" });
  const area = make("path", { class: "area" });
  const line = make("path", { class: "line" });
  const svg = make("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", role: "img" },
    area, line);
  const node = make("section", { class: "rate" }, make("h2", {}, word("rate")),
    make("p", {}, now, most), svg);
  function update() {
    node.hidden = rates.length === 0; // not told yet, or the stream is full: that is not zero
    const last = rates.length ? rates[rates.length - 1] : [0, 0];
    const peak = Math.max(0, ...rates.map((it) => it[1]));
    say(now, number(last[1]));
    say(most, peak ? word("most", { most: number(peak) }) : "");
    svg.setAttribute("aria-label", word("rateLine", { now: number(last[1]), most: number(peak) }));
    // The whole width: ten minutes, or what there is of them.
    const span = Math.max(60, last[0] - (rates[0]?.[0] ?? 0));
    const points = rates.map(([at, rate]) =>
      [600 - (600 * (last[0] - at)) / span, 97 - (peak ? (92 * rate) / peak : 0)]
        .map((it) => it.toFixed(1)).join(" "));
    const path = points.length ? `M${points.join("L")}` : "";
    line.setAttribute("d", path);
    area.setAttribute("d", path && `${path}L600 100L${points[0].split(" ")[0]} 100Z`);
  }
  return { node, update };
}

function totals() {
  const results = make("dd", { class: "figure" });
  const provisional = make("dd", { class: "figure" });
  const held = make("div", { class: "provisional" }, make("dt", {}, word("provisional")),
    provisional, make("dd", { class: "aside" }, word("provisionalWhy")));
  return {
    node: make("dl", { class: "totals" },
      make("div", {}, make("dt", {}, word("results")), results), held),
    update() {
      say(results, number(standings.meta.results));
      say(provisional, number(standings.meta.provisional));
      held.classList.toggle("none", standings.meta.provisional === 0);
    },
  };
}

function heading(text) {
  return make("h1", { tabindex: "-1" }, text);
}

// ---------------------------------------------------------------- the views

function tableView(sport) {
  const title = sport === null ? word("medalTable") : sportTitle(sport);
  const table = listedTable(
    sport === null ? title : word("medalTableOf", { sport: title }), sport);
  const parts = [table];
  const left = make("section", { class: "first" }, heading(title), table.node);
  const side = make("div", { class: "side" });
  if (sport !== null) {
    const split = splitBar();
    const events = eventsOf(sport);
    left.firstChild.after(make("div", { class: "summary" }, ...split.nodes), events.node,
      make("h2", { class: "section" }, word("medalTable")));
    parts.push({ update: () => split.update(standings.sports.find((it) => it.sport === sport)) },
      events);
  }
  for (const part of [sportsBeside(), rateLine(), totals()]) {
    parts.push(part);
    side.append(part.node);
  }
  const news = justIn(lists, sport);
  parts.push(news);
  main.replaceChildren(left, news.node, side);
  return {
    title,
    leave() {
      for (const part of parts) part.leave?.();
    },
    update() {
      for (const part of parts) part.update();
    },
  };
}

function sportsView() {
  let text = "";
  const find = field(lists, { id: "find-sport", label: word("findSport"), text,
    changed(news) {
      text = news;
      view.update();
    },
    enter: () => list.node.querySelector("a")?.focus() });
  const nothing = make("p", { class: "aside", role: "status" });
  const list = sportsList(() => standings.sports
    .filter((it) => text.trim() === "" || isCalled(titles.sports.get(it.sport) ?? { name: it.sport }, text))
    .sort((a, b) => sportTitle(a.sport).localeCompare(sportTitle(b.sport), language)));
  main.replaceChildren(make("section", { class: "first all-sports" }, heading(word("sports")), find,
    make("h2", { class: "unseen" }, allSports()), list.node, nothing));
  return {
    title: word("sports"),
    update() {
      find.hidden = standings.sports.length <= MANY;
      list.update();
      say(nothing, list.node.children.length ? "" : word("noSportFound"));
    },
  };
}

function emptyView() {
  const about = whenAndWhere();
  const sports = [...titles.sports.keys()].map(sportTitle).sort((a, b) => a.localeCompare(b));
  main.replaceChildren(make("section", { class: "empty" },
    heading(games.title ? gamesTitle() : word("empty")),
    about ? make("p", { class: "about" }, about) : null,
    games.title ? make("p", {}, `${word("empty")}.`) : null,
    make("p", {}, word("emptyWhat")),
    kiosk || sports.length === 0 ? null : make("p", {}, `${word("sports")}: ${sports.join(", ")}`)));
  return { title: word("empty"), update() {} };
}

function messageView(text) {
  main.replaceChildren(make("section", { class: "empty" }, heading(text)));
  return { title: text, update() {} };
}

// ---------------------------------------------------------------- lists of events and medallists

const eventTitle = (it) => it.titles?.[language] ?? it.title ?? unitTitle(it.unit);
const phaseWord = (phase) => WORDS[language].phase[phase] ?? phase;

// What the event is a part of: what its code says, else its phase, if that says anything.
function stageOf(it) {
  const stage = it.stages?.[language] ?? it.stage ?? "";
  // That it is a final, the heading says.
  return stage === phaseWord(it.phase) ? "" : stage;
}

// People's word for an event that is not over yet.
const stateTag = (state) => state === "official" ? null
  : make("span", { class: "tag" }, word(state === "running" ? "running" : "unofficial"));

const competitorLink = (it) =>
  make("a", { class: "who", href: to.competitor(it.competitor) }, it.name ?? it.competitor);

// What the modules of lists and details need of the page.
const lists = { make, say, word, number, heading, disc, eventTitle, stageOf, stateTag, row: placeRow,
  sportTitle, facultyTitle, scoreOf: (it) => scoreOf(it), competitor: competitorLink, person,
  when, calm, latest: () => latest,
  words: (name) => WORDS[language][name], language: () => language, titled,
  announce: (text) => say(document.getElementById("announcement"), text) };

function person(it, aside, linked = true) {
  const named = it.name ?? it.competitor;
  return make("span", { class: "person" }, linked ? competitorLink(it) : named, " ",
    aside && aside !== named ? make("span", { class: "aside" }, aside) : null);
}

const scoreOf = (it) => make("span", { class: "score" },
  [it.mark_text, it.outcome && it.mark_text === null ? word(it.outcome) : null, it.irm]
    .filter(Boolean).join(" · "));

function eventLine(it, withSport) {
  const stage = stageOf(it);
  const leaders = it.leaders.slice(0, 4).map((leader) => make("li", {},
    leader.medal ? disc(leader.medal) : make("span", { class: "place" },
      leader.rank === null ? "" : `${number(leader.rank)}.`),
    leader.medal ? make("span", { class: "unseen" }, word(leader.medal)) : null,
    person(leader, facultyTitle(leader.faculty)), scoreOf(leader)));
  if (it.leaders.length > 4) leaders.push(make("li", { class: "aside" }, "…"));
  return make("li", { class: "event" },
    make("div", { class: "what" },
      make("a", { href: to.event(it.sport, it.unit) }, eventTitle(it),
        stage ? make("span", { class: "stage" }, ` · ${stage}`) : null), " ",
      stateTag(it.state), " ",
      withSport ? make("span", { class: "aside" }, sportTitle(it.sport)) : null),
    make("ol", { class: "leaders" }, ...leaders));
}

function medalLine(it) {
  const stage = stageOf(it);
  return make("li", { class: "medallist" },
    disc(it.medal), make("span", { class: "unseen" }, word(it.medal)),
    person(it, null),
    make("span", { class: "what" },
      make("a", { href: to.event(it.sport, it.unit) }, eventTitle(it),
        stage ? make("span", { class: "stage" }, ` · ${stage}`) : null), " ",
      make("span", { class: "aside" }, sportTitle(it.sport))),
    scoreOf(it));
}

function eventListing(parameters, { withSport, level, step }) {
  return listing(lists, {
    path: "events", parameters, items: "events", level, step,
    keyOf: (it) => `${it.sport}/${it.unit}`,
    line: (it) => eventLine(it, withSport),
    group: (it) => WORDS[language].phases[it.phase] ?? phaseWord(it.phase),
    nothing: () => word(parameters().text ? "noEventFound" : "noEvent"),
    counted: (told) => told.total ? word(told.total === 1 ? "oneEvent" : "events",
      { count: number(told.total) }) : "",
  });
}

function eventsOf(sport) {
  let text = route().text;
  const found = eventListing(() => ({ sport, text }), { withSport: false, level: "h3", step: 12 });
  const form = field(lists, { id: "filter", label: word("findEvent"), text,
    changed(news) {
      text = news.trim();
      keepInAddress(to.sport(sport, text));
      found.changed();
    },
    enter: () => found.focusFirst() });
  return { ...found, node: make("section", { class: "events" }, make("h2", { class: "section" },
    word("eventsTitle")), form, found.node) };
}

function searchView() {
  let text = route().text;
  const events = eventListing(() => ({ text }), { withSport: true, level: "h2", step: 30 });
  const names = make("ul", { class: "names" });
  let people = []; // competitors who are called so
  let answered = null; // the question whose answer they are
  const question = () => `v1/competitors?${new URLSearchParams({ name: text, limit: HITS })}`;
  const asked = asking({
    path: question,
    told(answer, path) {
      people = answer.competitors;
      answered = path;
      tellNames();
    },
    failed() {
      people = [];
      tellNames();
    },
  });
  main.replaceChildren(make("section", { class: "first search" }, heading(word("search")), names,
    events.node));
  function tellNames() {
    const hits = (kind, address) => [...titles[kind].values()]
      .filter((it) => folded(text) && isCalled(it, text))
      .slice(0, HITS)
      .map((it) => make("li", {}, make("a", { href: address(it.name) }, titleOf(kind, it.name)), " ",
        make("span", { class: "aside" }, word(kind === "sports" ? "sport" : "faculty"))));
    names.replaceChildren(...hits("sports", to.sport), ...hits("faculties", to.faculty),
      // The gateway finds some that we do not; until it answers, those that we find are shown.
      ...people.filter((it) => folded(text)
        && (answered === question() || isCalled({ name: it.name ?? it.competitor }, text))).map((it) =>
        make("li", {}, competitorLink(it), " ",
          make("span", { class: "aside" }, `${word("athlete")} · ${facultyTitle(it.faculty)}`))));
    names.hidden = !names.children.length;
  }
  tellNames();
  const askPeople = () => folded(text).length > 1 && asked.ask();
  return {
    title: word("search"),
    update() {
      events.update();
      askPeople();
    },
    leave() {
      events.leave();
      asked.leave();
    },
    search(news) {
      text = news.trim();
      keepInAddress(to.search(text));
      tellNames();
      events.changed();
      askPeople();
    },
    focusFirst() {
      (names.querySelector("a") ?? main.querySelector(".listing a"))?.focus();
    },
  };
}

// No case, no accents: names are compared so.
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
  .replace(/[^\p{L}\p{N}]+/gu, " ").trim();

// Whether each word of the text begins a word of one of the names.
function isCalled({ name, title = "", short, titles: others = {}, aliases = [] }, text) {
  const names = [name, title, short ?? "", ...Object.values(others), ...aliases]
    .map((it) => ` ${folded(it)}`);
  return folded(text).split(" ").every((one) => names.some((it) => it.includes(` ${one}`)));
}

function facultyView(faculty) {
  const title = facultyTitle(faculty);
  const where = make("p", { class: "where" });
  const beside = make("p", { class: "aside", hidden: "" });
  const medals = listing(lists, {
    path: "medallists", parameters: () => ({ faculty }), items: "medallists", level: "h3", step: 60,
    keyOf: (it) => [it.sport, it.unit, it.competitor, it.medal].join("/"),
    line: medalLine,
    group: (it) => WORDS[language].medals[it.medal],
    nothing: () => beside.hidden ? word("noMedal") : "",
    counted(told) {
      const entries = Object.fromEntries(MEDALS.map((name) =>
        [name, told.entries.reduce((sum, it) => sum + it[name], 0)]));
      beside.hidden = MEDALS.every((name) => entries[name] === 0);
      say(beside, word("medalsOfEntries", Object.fromEntries(
        MEDALS.map((name) => [name, number(entries[name])]))));
      const count = told.medals.reduce((sum, it) => sum + it.gold + it.silver + it.bronze, 0);
      return count ? word(count === 1 ? "oneMedallist" : "medallists", { count: number(count) }) : "";
    },
  });
  main.replaceChildren(make("section", { class: "first faculty" }, heading(title), where,
    make("h2", { class: "section" }, word("medallistsTitle")), medals.node, beside));
  return {
    title,
    leave: medals.leave,
    update() {
      const line = standings.medal_table.find((it) => it.faculty === faculty);
      where.replaceChildren(...(line ? [
        make("span", { class: "standing" }, word("rankOf", { rank: number(line.rank) })),
        ...MEDALS.map((name) => make("span", { class: "standing" }, disc(name),
          make("span", { class: "unseen" }, word(name)), number(line[name]))),
      ] : []));
      medals.update();
    },
  };
}

// A line of a unit's ranking.
function placeRow(it) {
  // A worker of an earlier version says no text.
  const outcome = [it.mark_text ?? it.mark, it.outcome ? word(it.outcome) : null, it.irm]
    .filter((text) => text !== null).join(" · ");
  const named = it.name ?? it.competitor;
  const aside = it.status !== "official" ? word(it.status)
    : it.split === null ? word("outOfCompetition") : null;
  const mark = aside && make("span", { class: "tag" }, aside);
  return make("tr", { "data-competitor": it.competitor,
    class: it.medal ?? (it.split === null ? "uncounted" : null) },
    make("td", { class: "rank" }, it.rank === null ? "–" : number(it.rank)),
    make("th", { scope: "row", class: "competitor" }, make("span", {}, competitorLink(it)),
      it.name && it.name !== it.competitor ? make("span", { class: "aside" }, it.competitor) : null,
      mark),
    make("td", { class: "faculty" },
      make("a", { href: to.faculty(it.faculty) }, facultyTitle(it.faculty))),
    make("td", { class: "mark" }, outcome),
    make("td", { class: "medal" }, it.medal ? disc(it.medal) : null,
      it.medal ? make("span", {}, word(it.medal)) : null));
}

function unitView(sport, unit) {
  const title = heading(unitTitle(unit));
  const caption = make("caption", { class: "unseen" }, unitTitle(unit));
  const where = make("p", { class: "where" });
  const body = make("tbody");
  const columns = ["rank", "competitor", "faculty", "mark", "medal"];
  const table = make("table", { class: "unit" },
    caption,
    make("thead", {}, make("tr", {}, ...columns.map((it) =>
      make("th", { scope: "col", class: it }, make("span", {}, word(it)))))), body);
  const note = make("p", { class: "aside" }, word("loading"));
  const changes = corrections(lists, sport, unit);
  const count = make("p", { class: "aside count", tabindex: "-1", hidden: "" });
  const more = make("button", { type: "button", class: "more", hidden: "" });
  more.addEventListener("click", () => {
    wanted = body.children.length + further;
    pressed = true;
    ask();
  });
  main.replaceChildren(
    make("section", { class: "first unit" }, title, where, note, table, count, more,
      changes.node));
  table.hidden = true;
  const path = [sport, unit].map(encodeURIComponent).join("/");
  let shown = null; // what was asked last: a view that was left must not answer
  let asking = false;
  let again = false;
  let wanted = PLACES;
  let further = 0; // places that come with the next press
  let pressed = false; // and nothing has come of it yet

  // The places that are wanted, of one ranking; null if it always changed in between.
  async function read() {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const first = await page(0);
      const rows = [...first.rows];
      let last = first;
      while (last.digest === first.digest && last.next && rows.length < wanted) {
        last = await page(last.next);
        rows.push(...last.rows);
      }
      if (last.digest === first.digest) return { ...first, rows };
    }
    return null;
  }

  async function page(from) {
    const limit = Math.min(PAGE, wanted - from);
    const answer = await fetch(`v1/units/${path}?from=${from}&limit=${limit}`,
      { cache: "no-store" });
    if (!answer.ok) throw new Error(mayBeBetter(answer.status) ? "unitAway" : "noUnit");
    return answer.json();
  }

  async function ask() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    try {
      const told = await read();
      if (told === null) again = true;
      else fill(told);
    } catch (error) {
      const away = error.message !== "noUnit";
      again ||= away;
      tell(word(away ? "unitAway" : "noUnit"));
    }
    // At most once a second, however fast results come.
    setTimeout(() => {
      asking = false;
      if (view === self && again) ask();
    }, 1000);
  }

  function tell(text) {
    say(note, text);
    note.hidden = false;
  }

  function fill(told) {
    shown = told;
    lastUnit = { path, told };
    note.hidden = true;
    table.hidden = false;
    // A worker of an earlier version says neither title nor recognised.
    const named = told.titles?.[language] ?? told.title ?? unitTitle(unit);
    say(title, named);
    say(caption, named);
    if (self.title !== named) {
      self.title = named;
      if (view === self) titled();
    }
    const decided = told.rows.some((it) => it.mark !== null && it.rank !== null);
    if (told.recognised === false && decided) {
      tell(word(told.order === "lower" ? "lowestWins" : "highestWins"));
    }
    const state = stateOf(lists, told.rows);
    where.replaceChildren(make("a", { href: to.sport(told.sport) }, sportTitle(told.sport)),
      ` · ${told.stages?.[language] ?? told.stage ?? phaseWord(told.phase)}`,
      state ? `, ${state}` : "");
    if (told.event) {
      where.append(" · ", make("a", { href: to.event(told.sport, told.event) },
        word("wholeEvent")));
    }
    const before = new Map([...body.children].map((it) => [it.dataset.competitor, it.offsetTop]));
    body.replaceChildren(...told.rows.map(placeRow));
    for (const node of body.children) moved(node, before.get(node.dataset.competitor));
    countPlaces(told.rows.length, told.total ?? told.rows.length);
  }

  function countPlaces(shownNow, total) {
    further = Math.min(shownNow, PAGE, total - shownNow);
    say(count, word("places", { shown: number(shownNow), total: number(total) }));
    say(more, word("showMore", { count: number(further) }));
    count.hidden = total <= PLACES;
    if (further <= 0 && document.activeElement === more) count.focus();
    more.hidden = further <= 0;
    if (pressed && shownNow >= Math.min(wanted, total)) {
      pressed = false;
      say(document.getElementById("announcement"), count.textContent);
    }
  }

  const self = {
    title: unitTitle(unit),
    leave: changes.leave,
    update() {
      ask();
      changes.update();
    },
  };
  if (lastUnit.path === path) {
    wanted = Math.max(PLACES, lastUnit.told.rows.length);
    fill(lastUnit.told);
  }
  return self;
}

// ---------------------------------------------------------------- which view

function chosenView() {
  const { kind, names } = route();
  if (kind === "events" && names.length > 1) {
    const [sport, ...rest] = names;
    const event = rest.join("/");
    const open = isEventCode(event) ? () => eventView(lists, main, sport, event)
      : () => unitView(sport, event);
    return [`unit ${names.join("/")}`, open];
  }
  if (standings === null) return ["loading", () => messageView(word("loading"))];
  if (isEmpty()) return ["empty", emptyView];
  if (kind === "sports" && !names[0]) return ["sports", sportsView];
  if (kind === "sports" && names.length === 1) {
    const [sport] = names;
    if (standings.sports.some((it) => it.sport === sport)) {
      return [`sport ${sport}`, () => tableView(sport)];
    }
    return ["unknown", () => messageView(word("unknownSport"))];
  }
  if (kind === "search") return ["search", searchView];
  if (kind === "latest") return ["latest", () => latestView(lists, main)];
  if (kind === "competitors" && names.length > 0) {
    const competitor = names.join("/");
    return [`competitor ${competitor}`, () => competitorView(lists, main, competitor)];
  }
  if (kind === "faculties" && names.length === 1) {
    const [faculty] = names;
    if (standings.medal_table.some((it) => it.faculty === faculty) || titles.faculties.has(faculty)) {
      return [`faculty ${faculty}`, () => facultyView(faculty)];
    }
    return ["unknown", () => messageView(word("unknownFaculty"))];
  }
  return ["table", () => tableView(null)];
}

// Shows the chosen view, or what is new in it.
function show({ anew = false, focus = false } = {}) {
  const [kind, open] = kiosk && standings !== null && !isEmpty() ? ["screen", screen.view]
    : kiosk && standings !== null ? ["empty", emptyView] : chosenView();
  if (anew || view === null || view.kind !== kind) {
    view?.leave?.();
    view = null;
    const opened = open();
    opened.kind = kind;
    view = opened;
    titled();
    if (focus) main.querySelector("h1").focus({ preventScroll: true });
    navigation();
  }
  view.update();
}

// The view has another title.
function titled() {
  if (view === null) return;
  const whose = gamesTitle();
  document.title = view.title === whose ? whose : `${view.title} · ${whose}`;
}

function navigation() {
  const nav = document.getElementById("nav");
  if (standings === null || kiosk) return;
  const { kind, names } = route();
  const link = (href, text, here) =>
    make("a", { href, "aria-current": here ? "page" : null }, text);
  const some = isEmpty() ? [] : sportsShown().slice(0, NAMED);
  nav.replaceChildren(link(to.table(), word("medalTable"), kind === ""),
    ...(isEmpty() || !hasMany() ? []
      : [link(to.sports(), allSports(), kind === "sports" && !names[0])]),
    ...some.map((it) => link(to.sport(it.sport), sportTitle(it.sport),
      (kind === "sports" || kind === "events") && names[0] === it.sport)));
}

// ---------------------------------------------------------------- state of the data

const age = () => known.age === null ? null : known.age + (performance.now() - known.at) / 1000;

// How far a change of the rules is.
const recount = () => ({ done: standings?.meta?.next_partitions,
  all: standings?.meta?.offsets.length });

function tellState() {
  const seconds = age();
  let state = connection;
  if (state !== "lost" && !readable) state = "unreadable";
  else if (state !== "lost" && problem !== null) state = "stopped";
  else if (state === "live" && standings?.meta?.next_revision > 0) state = "recount";
  else if (state === "live" && seconds !== null && seconds > OLD) state = "old";
  const names = { lost: "lost_connection", unreadable: "old", stopped: "old", recount: "old" };
  root.dataset.state = state;
  say(document.getElementById("state"), word(names[state] ?? state));
  say(document.getElementById("age"),
    seconds === null || seconds <= OLD ? "" : word("age", { age: duration(seconds) }));
  const notices = { old: "oldNotice", lost: "lostNotice", delayed: "delayedNotice",
    unreadable: "unreadableNotice", stopped: "stoppedNotice", recount: "recountNotice" };
  const notice = document.getElementById("notice");
  say(notice, state in notices ? word(notices[state], { problem, ...recount() }) : "");
  const was = notice.classList.contains("on");
  notice.classList.toggle("on", state in notices);
  // The big screen has more or less room now.
  if (kiosk && view && was !== state in notices) view.update();
}

let told = ""; // who was announced to lead
function announce() {
  const [first, second] = standings.medal_table;
  if (!first || first.total === 0 || (second && second.rank === 1) || told === first.faculty) return;
  const values = Object.fromEntries(MEDALS.map((it) => [it, number(first[it])]));
  // Not at first sight: who opens the page reads the table.
  if (told !== "") {
    say(document.getElementById("announcement"),
      word("leads", { faculty: facultyTitle(first.faculty), ...values }));
  }
  told = first.faculty;
}

// ---------------------------------------------------------------- language and theme

function applyLanguage() {
  root.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) say(node, word(node.dataset.word));
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", word(node.dataset.label));
  }
  const button = document.getElementById("language");
  const other = language === "es" ? "en" : "es";
  button.lang = other;
  say(button, WORDS[other].self);
  searchField.placeholder = word("searchHint");
  nameGames();
  applyTheme();
  tellState();
}

function nameGames() {
  say(document.getElementById("games"), gamesTitle());
  say(document.getElementById("about"), whenAndWhere());
  document.getElementById("home").setAttribute("aria-label", word("home", { games: gamesTitle() }));
}

function applyTheme() {
  if (theme) root.dataset.theme = theme;
  const isDark = theme ? theme === "dark" : dark.matches;
  document.getElementById("theme").setAttribute("aria-label", word(isDark ? "toLight" : "toDark"));
}

document.getElementById("language").addEventListener("click", () => {
  language = language === "es" ? "en" : "es";
  stored("lang", language);
  applyLanguage();
  show({ anew: true });
});
document.getElementById("theme").addEventListener("click", () => {
  theme = (theme ? theme === "dark" : dark.matches) ? "light" : "dark";
  stored("theme", theme);
  applyTheme();
});
dark.addEventListener("change", applyTheme);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

listen((followed) => {
  const typed = document.activeElement === searchField;
  const { kind, text } = route();
  if (!typed) searchField.value = kind === "search" ? text : "";
  show({ anew: true, focus: followed && !typed });
});

// ---------------------------------------------------------------- search

searchField.value = route().kind === "search" ? route().text : "";
searchField.addEventListener("input", () => {
  if (route().kind === "search") view.search?.(searchField.value);
  else go(to.search(searchField.value.trim()));
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  view.focusFirst?.();
});

// ---------------------------------------------------------------- the big screen

const screen = bigScreen({ ...lists, main, medalTable, sportCard, facultiesIn,
  shortName: (faculty) => titles.faculties.get(faculty)?.short ?? null,
  sports: () => sportsShown().filter((it) => it.entries > 0) });

if (kiosk) {
  root.classList.add("kiosk");
  const seconds = Number(query.get("kiosk")) || TURN;
  setInterval(() => {
    if (view?.kind === "screen") view.turn();
  }, 1000 * Math.max(1, seconds));
  addEventListener("resize", () => show({ anew: true }));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") location.search = "";
  });
}

// ---------------------------------------------------------------- begin

applyLanguage();
show();
setInterval(tellState, 1000);
follow({
  onStandings(news) {
    const first = standings === null || isEmpty();
    standings = news;
    known = { age: news.age, at: performance.now() };
    show();
    if (first) navigation();
    announce();
    tellState();
  },
  onLatest(news) {
    latest = news.latest;
    if (standings !== null && /^(screen|table|sport |latest)/.test(view?.kind)) view.update();
  },
  onRates(news) {
    rates = news;
    if (standings !== null && view && !view.kind.startsWith("unit")) view.update();
  },
  onAlive(news) {
    if (news.age !== null) known = { age: news.age, at: performance.now() };
    readable = news.readable;
    problem = news.problem ?? null;
    tellState();
  },
  onCatalogue(news) {
    const text = JSON.stringify(news);
    if (text === catalogue) return; // nobody loses what he is typing
    catalogue = text;
    titles = { sports: new Map(news.sports.map((it) => [it.name, it])),
      faculties: new Map(news.faculties.map((it) => [it.name, it])) };
    games = { ...games, ...news.games };
    nameGames();
    show({ anew: true });
  },
  onConnection(state) {
    connection = state;
    tellState();
  },
});

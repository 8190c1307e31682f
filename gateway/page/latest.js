// The changes that people tell each other: beside the medal table, in a list of their own, and one
// after the other on the big screen.
import { to } from "./routes.js";

const FEW = 5; // that stand beside the medal table
const SILENCE = 30000; // milliseconds between two changes that are read out

// What has happened, in people's words: in which event, and what it says now. `called(faculty)` is
// what a faculty is called, `linked` says whether there is anything to press.
export function changed(page, it, called, linked) {
  const { make, word, disc } = page;
  const stage = page.stageOf(it);
  const leaders = told(it).map((one) => make("li", {}, one.medal ? disc(one.medal) : null,
    make("span", { class: one.medal ? "unseen" : "aside" }, placeOf(page, it, one)), " ",
    page.person(one, called(one.faculty), linked), " ", page.scoreOf(one)));
  const event = [page.eventTitle(it), stage ? ` · ${stage}` : ""];
  return [
    make("div", { class: "what" },
      make("p", {},
        it.at ? make("time", { datetime: new Date(it.at * 1000).toISOString() }, page.when(it.at)) : null,
        " ", make("span", {}, page.sportTitle(it.sport))),
      make("p", {},
        make("strong", {}, ...(linked
          ? [make("a", { href: to.event(it.sport, it.unit) }, ...event)] : event)), " ",
        it.state === null ? null : page.stateTag(it.state), " ",
        it.change === "result" ? null : make("span", {}, reason(page, it)))),
    leaders.length ? make("ol", { class: "leaders" }, ...leaders)
      : make("p", {}, word("noResultLeft")),
  ];
}

// The medallists of an event, or who is first in it.
function told(it) {
  const medals = it.leaders.filter((one) => one.medal);
  return medals.length ? medals : it.leaders.slice(0, 1);
}

const placeOf = (page, it, one) =>
  page.word(one.medal ?? (it.state === "official" ? "isFirst" : "leadsNow"));

const reason = (page, it) =>
  page.word(it.change, { who: it.changed.name ?? it.changed.competitor });

// The same as sentences, to be read out.
function spoken(page, it) {
  const leaders = told(it).map((one) => `${placeOf(page, it, one)}: ${one.name ?? one.competitor}, `
    + page.facultyTitle(one.faculty));
  const event = [page.sportTitle(it.sport), page.eventTitle(it), page.stageOf(it)];
  return [event.filter(Boolean).join(", "), ...(leaders.length ? leaders
    : [page.word("noResultLeft").replace(/\.$/, "")]), it.change === "result" ? "" : reason(page, it)]
    .filter(Boolean).map((text) => text.replace(/\.?$/, ".")).join(" ");
}

// Medals and what corrects them are read out, the heats before are not.
const worthHearing = (it) => it.change !== "result" || it.leaders.some((one) => one.medal);

// The changes that `chosen()` gives, the newest first. One that was there keeps its line.
function changesList(page, chosen) {
  const { make } = page;
  const node = make("ul", { class: "lines changes" });
  let lines = new Map();
  function update() {
    const before = lines;
    lines = new Map(chosen().map((it) => {
      const text = JSON.stringify(it);
      return [text, before.get(text) ?? make("li", {}, ...changed(page, it, page.facultyTitle, true))];
    }));
    [...lines].forEach(([text, line], place) => {
      const there = node.children[place];
      if (there !== line) node.insertBefore(line, there ?? null);
      if (before.size && !before.has(text) && !page.calm.matches) {
        line.animate([{ backgroundColor: "var(--glow)" }, { backgroundColor: "transparent" }], 1600);
      }
    });
    while (node.children.length > lines.size) node.lastElementChild.remove();
  }
  return { node, update };
}

// What stands beside the medal table: the newest changes, of a sport or of all.
export function justIn(page, sport) {
  const { make, say, word } = page;
  const ofThese = () => page.latest().filter((it) => sport === null || it.sport === sport);
  const list = changesList(page, () => ofThese().slice(0, FEW));
  const heard = make("p", { class: "unseen", "aria-live": "polite" });
  const node = make("section", { class: "just-in" },
    make("div", { class: "head" }, make("h2", {}, word("justIn")),
      make("a", { href: to.latest() }, word("allLatest"))), list.node, heard);
  let heardAt = null; // the time of the newest one that was read out, or was there at first sight
  let silentUntil = 0;
  return {
    node,
    update() {
      const changes = ofThese();
      node.hidden = changes.length === 0;
      list.update();
      if (changes.length === 0) return;
      const newest = changes.find(worthHearing);
      const first = heardAt === null;
      heardAt ??= newest?.at ?? 0;
      if (first || !newest || newest.at <= heardAt || performance.now() < silentUntil) return;
      say(heard, spoken(page, newest));
      heardAt = newest.at;
      silentUntil = performance.now() + SILENCE;
    },
  };
}

// All of them.
export function latestView(page, main) {
  const { make, say, word } = page;
  const list = changesList(page, page.latest);
  const note = make("p", { class: "aside", role: "status" });
  main.replaceChildren(make("section", { class: "first latest" }, page.heading(word("justIn")), note,
    list.node));
  return {
    title: word("justIn"),
    update() {
      list.update();
      say(note, page.latest().length ? "" : word("noEvent"));
    },
  };
}

// Lists of events, medallists, units and results, asked of the gateway page by page.
import { mayBeBetter } from "./asking.js";

const PAGE = 500; // lines that one answer has at most
const PAUSE = 2000; // milliseconds between two questions of one list, however fast results come
const TYPING = 120; // milliseconds in which the next letter may come
const KEPT = 12; // lists that are there at once when somebody comes back to them

const kept = new Map(); // what was told last, by question

// `page` gives what the page says and how: {make, say, word, number, announce}. `path` and
// `parameters()` are the question; `items` the answer's list; `keyOf(it)` what tells two of them
// apart; `line(it)` makes one; `group(it)` says under which heading, of `level`, it stands;
// `counted(told)` says how many there are, `nothing()` that there is none. `step` lines come at first,
// and one answer has at most `most`; `missing` is the word for a list that there is not.
export function listing(page, { path, parameters, items, keyOf, line, group, level, step, nothing,
  counted, most = PAGE, missing = "listAway" }) {
  const { make, say, word, number } = page;
  const note = make("p", { class: "aside", role: "status" }, word("loading"));
  const groups = make("div", { class: "groups" });
  const more = make("button", { type: "button", class: "more", hidden: "" });
  const node = make("div", { class: "listing" }, note, groups, more);
  const lines = new Map(); // key → {told, node}
  let wanted = step;
  let asked = null; // the question that is under way, or was last
  let asking = null; // its AbortController
  let timer = null;
  let again = false;
  let left = false;
  let refused = null; // a question that nobody will ever answer

  const question = () => new URLSearchParams(
    Object.entries(parameters()).filter(([, value]) => value)).toString();

  more.addEventListener("click", () => {
    const before = lines.size;
    wanted += wanted;
    askNow().then(() => {
      if (lines.size > before) page.announce(word("linesShown", { count: number(lines.size) }));
    });
  });

  async function read(signal) {
    const rows = [];
    let first = null;
    let cursor = null;
    do {
      const query = new URLSearchParams(question());
      query.set("limit", Math.min(most, wanted - rows.length));
      if (cursor) query.set("cursor", cursor);
      const answer = await fetch(`v1/${path}?${query}`, { cache: "no-store", signal });
      if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
      const told = await answer.json();
      first ??= told;
      rows.push(...told[items]);
      cursor = told.next;
    } while (cursor && rows.length < wanted);
    return { ...first, [items]: rows, next: cursor };
  }

  async function askNow() {
    clearTimeout(timer);
    asking?.abort();
    const own = new AbortController();
    asking = own;
    again = false;
    asked = question();
    const key = `${path}?${asked}`;
    try {
      const told = await read(own.signal);
      kept.delete(key);
      kept.set(key, told);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      fill(told);
      again ||= !told.complete;
    } catch (error) {
      if (error.name === "AbortError") return;
      again = error.status === undefined || mayBeBetter(error.status);
      if (error.status === 404) say(note, word(missing));
      else say(note, word(again ? "listAway" : "listRefused"));
      if (error.status === 400) refused = asked;
    }
    timer = setTimeout(() => {
      asking = null;
      if (again && !left) askNow();
    }, PAUSE);
  }

  // Lines that stay keep their nodes: whoever is on one of them stays there.
  function fill(told) {
    const rows = told[items];
    const active = node.contains(document.activeElement)
      ? document.activeElement.closest("[data-key]")?.dataset.key : null;
    const present = new Set();
    const sections = new Map();
    for (const it of rows) {
      const key = keyOf(it);
      const text = JSON.stringify(it);
      let known = lines.get(key);
      if (known?.text !== text) {
        known = { text, node: line(it) };
        known.node.dataset.key = key;
        lines.set(key, known);
      }
      present.add(key);
      const under = group(it);
      if (!sections.has(under)) sections.set(under, []);
      sections.get(under).push(known.node);
    }
    for (const key of lines.keys()) if (!present.has(key)) lines.delete(key);
    const wanting = [...sections].map(([under, nodes]) => ({ under, nodes }));
    if (!same(wanting)) {
      groups.replaceChildren(...wanting.map(({ under, nodes }) => make("section", {},
        make(level, {}, under), make("ul", { class: "lines" }, ...nodes))));
      if (active) groups.querySelector(`[data-key="${CSS.escape(active)}"] a`)?.focus();
    }
    more.hidden = !told.next;
    say(more, word("showMoreLines"));
    say(note, [counted(told) || nothing(), told.complete ? "" : word("listIncomplete")]
      .filter(Boolean).join(" · "));
  }

  function same(wanting) {
    const there = [...groups.children];
    return there.length === wanting.length && there.every((section, place) => {
      const { under, nodes } = wanting[place];
      const list = section.lastElementChild;
      return section.firstElementChild.textContent === under
        && list.children.length === nodes.length
        && nodes.every((it, at) => list.children[at] === it);
    });
  }

  const before = kept.get(`${path}?${question()}`);
  if (before) {
    wanted = Math.max(step, before[items].length);
    fill(before);
  }
  return {
    node,
    // There is news: ask again, soon.
    update() {
      if (question() === refused) return;
      if (asking === null) askNow();
      else again = true;
    },
    // The question is another one.
    changed() {
      clearTimeout(timer);
      wanted = step;
      timer = setTimeout(askNow, TYPING);
    },
    focusFirst() {
      groups.querySelector("a")?.focus();
    },
    leave() {
      left = true;
      clearTimeout(timer);
      asking?.abort();
    },
  };
}

// A field that what is listed depends on; what is in it stands in the address.
export function field(page, { id, label, text, changed, enter }) {
  const { make } = page;
  const input = make("input", { id, type: "search", maxlength: "100", autocomplete: "off",
    autocapitalize: "off", spellcheck: "false", enterkeyhint: "search" });
  input.value = text;
  input.addEventListener("input", () => changed(input.value));
  const form = make("form", { class: "find", role: "search" },
    make("label", { for: id }, label), input);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  return form;
}

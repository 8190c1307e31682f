// The hall's big screen: everything in one look, nothing to press. The first of the medal table stay,
// the others follow page by page, and so do the sports beside them.
import { changed } from "./latest.js";

const STAY = 3; // of the medal table, where not all fit
const ROW = 2.9; // rem: what a row takes at least
const LARGEST = 2.2; // times the size of the text, where rows are few
const SMALLEST = 0.5; // and where a name is long
const SHORT = 14; // letters of a name beside a sport's medals
const TOP = 3; // faculties of a sport
const NEWS = 8; // of the latest changes, those that are told in turn

// `page` gives what the page knows and how it says it.
export function bigScreen(page) {
  const { main, make, say, word, number } = page;
  let turned = 0; // pages of the medal table
  let first = 0; // of the sports, the one that is shown first
  let following = 0; // the one that is shown first after the next turn
  let told = 0; // of the latest changes
  let newest = null; // of them, as it was last

  const rem = (count) =>
    count * parseFloat(getComputedStyle(document.documentElement).fontSize);

  // Where there is a short name it can be read from afar, and the whole one from near by.
  function called(faculty) {
    const short = page.shortName(faculty);
    const title = page.facultyTitle(faculty);
    return make("span", { class: "name" }, make("span", { class: "called" }, short ?? title),
      short && short !== title ? make("span", { class: "whole" }, title) : null);
  }

  function medals() {
    const section = make("section", { class: "first" });
    const pages = make("span", { class: "pages" });
    const table = page.medalTable(word("medalTable"), {
      lines: () => page.facultiesIn(null), choose, name: called });
    const title = page.heading(word("medalTable"));
    section.append(make("div", { class: "head" }, title, pages), table.node);
    let high = 0; // a row, in pixels

    // As many rows as fit, and then as high that they fill the screen.
    function choose(lines) {
      const height = section.getBoundingClientRect().bottom
        - table.node.tBodies[0].getBoundingClientRect().top;
      const room = Math.max(STAY + 1, Math.floor(height / rem(ROW)));
      if (lines.length <= room) {
        high = height / lines.length;
        say(pages, "");
        return lines;
      }
      const others = lines.length - STAY;
      const count = Math.ceil(others / (room - STAY));
      const size = Math.ceil(others / count);
      const from = STAY + (turned % count) * size;
      high = height / (STAY + size);
      say(pages, word("shown", { from: number(from + 1),
        to: number(Math.min(from + size, lines.length)), total: number(lines.length) }));
      return [...lines.slice(0, STAY), ...lines.slice(from, from + size)];
    }

    // Few rows are written as large as their height allows; a name that takes more than its row is
    // written smaller, never cut off. Where that makes a name much smaller, all are.
    function fitAll() {
      table.node.style.setProperty("--row", `${high}px`);
      let scale = Math.max(1, Math.min(LARGEST, high / rem(ROW + 0.6)));
      let smallest;
      do {
        table.node.style.setProperty("--scale", scale);
        smallest = Math.min(...[...table.node.tBodies[0].rows].map(fit));
        scale = scale > 1 ? Math.max(1, scale - 0.2) : 0;
      } while (smallest < 0.8 && scale);
    }

    function fit(row) {
      const name = row.querySelector(".name");
      const whole = name.querySelector(".whole");
      const tooLarge = () => name.parentNode.scrollHeight > high + 1
        || name.scrollWidth > name.clientWidth + 1 || lines(name.firstChild) > 2;
      let size = 1;
      name.style.removeProperty("--fit");
      if (whole) {
        whole.hidden = false;
        for (const small of [1, 0.85, 0.7]) {
          whole.style.setProperty("--small", small);
          if (!tooLarge()) break;
        }
        whole.hidden = tooLarge();
      }
      while (size > SMALLEST && tooLarge()) {
        size -= 0.1;
        name.style.setProperty("--fit", size);
      }
      return size;
    }
    const lines = (node) =>
      Math.round(node.getBoundingClientRect().height / parseFloat(getComputedStyle(node).lineHeight));

    return {
      node: section,
      update() {
        table.update();
        fitAll();
      },
    };
  }

  // The first of a sport, and how many won and lost.
  function card(sport) {
    const it = page.sportCard(sport);
    const leaders = make("ol", { class: "leaders" });
    it.node.firstChild.after(leaders);
    return {
      node: it.node,
      update(counts) {
        it.update(counts);
        const lines = page.facultiesIn(sport).filter((one) => one.total > 0).slice(0, TOP);
        leaders.replaceChildren(...lines.map((line) => {
          const name = page.shortName(line.faculty) ?? page.facultyTitle(line.faculty);
          return make("li", {},
            make("span", { class: name.length > SHORT ? "person long" : "person" }, name),
            ...["gold", "silver", "bronze"].map((medal) => make("span", { class: "count" },
              page.disc(medal), make("span", { class: "unseen" }, word(medal)),
              number(line[medal]))));
        }));
      },
    };
  }

  // As many sports as fit beside the table, one after the other.
  function sports() {
    const list = make("ul", { class: "sports" });
    const cards = new Map();
    const node = make("section", { class: "side" }, make("h2", {}, word("sports")), list);
    return {
      node,
      update() {
        const all = page.sports();
        const from = first % all.length;
        list.replaceChildren();
        for (const counts of [...all.slice(from), ...all.slice(0, from)]) {
          if (!cards.has(counts.sport)) cards.set(counts.sport, card(counts.sport));
          const it = cards.get(counts.sport);
          it.update(counts);
          list.append(it.node);
          if (list.children.length > 1 && node.scrollHeight > node.clientHeight) {
            it.node.remove();
            break;
          }
        }
        following = list.children.length === all.length ? 0 : from + list.children.length;
      },
    };
  }

  // The latest changes, one after the other; a new one is told at once.
  function news() {
    const line = make("div", { class: "change" });
    const node = make("section", { class: "news", hidden: "" },
      make("h2", {}, word("justIn")), line);
    let shown = "";
    return {
      node,
      update() {
        const changes = page.latest().slice(0, NEWS);
        node.hidden = changes.length === 0;
        if (changes.length === 0) return;
        const key = JSON.stringify(changes[0]);
        if (key !== newest) {
          newest = key;
          told = 0;
        }
        const change = changes[told % changes.length];
        const text = JSON.stringify(change);
        if (text === shown) return;
        shown = text;
        line.replaceChildren(...changed(page, change,
          (faculty) => page.shortName(faculty) ?? page.facultyTitle(faculty), false));
        let size = 1;
        line.style.removeProperty("--fit");
        while (size > SMALLEST && node.scrollHeight > node.clientHeight) {
          size -= 0.1;
          line.style.setProperty("--fit", size);
        }
      },
    };
  }

  function view() {
    const parts = [news(), sports(), medals()]; // the table gets what they leave
    main.replaceChildren(...parts.map((it) => it.node).reverse());
    const update = () => {
      for (const part of parts) part.update();
    };
    return {
      title: word("medalTable"),
      update,
      turn() {
        turned += 1;
        first = following;
        told += 1;
        update();
        if (page.calm.matches) return;
        for (const it of main.querySelectorAll(`.side ul, .change, tbody tr:nth-child(n + ${STAY + 1})`)) {
          it.animate([{ opacity: 0 }, { opacity: 1 }], 500);
        }
      },
    };
  }
  return { view };
}

// The officials' desk: results go in, nobody's are overwritten, and what is not delivered is kept.
// Texts from results only ever become text nodes. The token stays in this tab.
import { WORDS } from "./desk_words.js";
import { Outbox } from "./outbox.js";
import { decoded } from "./routes.js";

const TOKEN = "medallero.desk.token";
const DRAFT = "medallero.desk.draft.";
const FIELDS = ["id", "name", "faculty", "rank", "mark", "irm", "outcome"];
const PASTED = ["id", "name", "faculty", "mark", "rank", "irm"];
const MEDALS = ["gold", "silver", "bronze"];
const PHASES = ["round", "semifinal", "final", "bronze", "other"];
const TYPING = 250; // milliseconds in which the next letter may come
const LOOK = 4000; // milliseconds between two looks at what others have changed
const MANY = 2000; // events among which look-alikes are sought

const root = document.documentElement;
const main = document.getElementById("main");

let language = preferredLanguage();
let catalogue = null;
let opened = false; // whether the gateway takes what this tab sends
let sender = null; // the name of the token
let view = null;

// ---------------------------------------------------------------- small tools

function preferredLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem("medallero.lang");
  } catch {
    // A browser may forbid storage.
  }
  const wanted = [kept, ...navigator.languages.map((it) => it.slice(0, 2).toLowerCase())];
  return wanted.find((it) => it in WORDS) ?? "en";
}

function word(name, values = {}) {
  const text = name.split(".").reduce((it, part) => it[part], WORDS[language]);
  return text.replace(/\{(\w+)\}/g, (_, it) => values[it]);
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((it) => it !== null && it !== undefined));
  return node;
}

const button = (text, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, text);
const announce = (text) => { document.getElementById("announcement").textContent = text; };
const token = () => sessionStorage.getItem(TOKEN);
const authorization = () => (token() ? { Authorization: `Bearer ${token()}` } : {});
const titled = (it) => it?.titles?.[language] ?? it?.title;
const sportTitle = (name) => titled(catalogue.sports.find((it) => it.name === name)) ?? name;
const facultyTitle = (name) => titled(catalogue.faculties.find((it) => it.name === name)) ?? name;
const toEvent = (sport, unit) => `#/event/${encodeURIComponent(sport)}/${encodeURIComponent(unit)}`;

// Returns {status, body}; status 0: there was no answer.
async function ask(path, body) {
  try {
    const answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...authorization(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(20000),
    });
    tellReached(true);
    return { status: answer.status, body: await answer.json() };
  } catch {
    tellReached(false);
    return { status: 0, body: null };
  }
}

function tellReached(reached) {
  root.dataset.state = reached ? "live" : "lost";
  document.getElementById("state").textContent = word(reached ? "online" : "offline");
}

// What a result says, in one line.
function said(result) {
  if (result === null || result === undefined) return word("nothing");
  const parts = [result.mark, result.outcome ? word(`outcomes.${result.outcome}`) : null,
    result.rank ? word("rankIs", { rank: result.rank }) : null, result.irm,
    result.medal, result.status === "official" ? null : word(result.status)];
  return parts.filter(Boolean).join(" · ") || word("nothing");
}

const by = (version) => version.records.at(-1)?.sender ?? word("somebody");

// ---------------------------------------------------------------- what is not delivered

const outbox = new Outbox({
  token: authorization,
  sender: () => (opened ? sender : undefined),
  reached: tellReached,
  changed: showOutbox,
  async answered(sending, status, body) {
    if (status === 401 || status === 403) {
      signOut(word("signInAgain"));
      return;
    }
    if (status === 202) announce(word("sent", { count: sending.changes.length }));
    if (view?.is?.(sending.sport, sending.unit)) await view.answered(sending, status, body);
    else if (status !== 202) keepRefused(sending, status, body);
  },
});

const changesIn = (sendings) => sendings.reduce((sum, it) => sum + it.changes.length, 0);
const listOf = (sendings) => make("ul", {}, ...sendings.flatMap((it) => it.changes.map((change) => make("li", {},
  `${it.unit}: ${change.competitor.name ?? change.competitor.id}: ${said(change)}`))));

function showOutbox() {
  const node = document.getElementById("outbox");
  const own = opened ? outbox.own() : outbox.waiting;
  const others = opened ? outbox.ofOthers() : [];
  node.hidden = outbox.waiting.length === 0;
  node.replaceChildren(
    ...(own.length ? [make("p", { role: "status" }, word("waiting", { count: changesIn(own) })), listOf(own),
      button(word("tryNow"), () => outbox.flush())] : []),
    ...(others.length ? [make("p", { role: "status" }, word("ofOthers", { count: changesIn(others),
      names: [...new Set(others.map((it) => it.sender ?? word("somebody")))].join(", ") })), listOf(others),
    button(word("forgetThem"), () => outbox.leaveOnly(outbox.own()), { id: "forget" })] : []));
  view?.outboxChanged?.();
}

// The event is not open: what was refused is there when it is opened again, as typed last, and
// replaces what was there before the first change that was refused.
function keepRefused(sending, status, body) {
  const key = DRAFT + toEvent(sending.sport, sending.unit);
  const draft = JSON.parse(sessionStorage.getItem(key) ?? "{}");
  for (const change of sending.changes) {
    const typed = draft[change.competitor.id] ?? { ...cellsOf(change), status: change.status };
    draft[change.competitor.id] = { ...typed, base: change.replaces };
  }
  sessionStorage.setItem(key, JSON.stringify(draft));
  announce(word({ 409: "refused", 422: "rejected" }[status] ?? "notTaken",
    { count: sending.changes.length, error: body.error }));
}

// ---------------------------------------------------------------- sign in

function signInView(problem = null) {
  const input = make("input", { id: "token", type: "password", autocomplete: "off", required: "" });
  const told = make("p", { class: "error", role: "alert", hidden: problem === null ? "" : null }, problem ?? "");
  const form = make("form", { class: "stack" },
    make("div", {}, make("label", { for: "token" }, word("token")), input),
    make("p", { class: "aside" }, word("tokenHint")),
    told, make("button", { type: "submit", class: "strong" }, word("open")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, input.value.trim());
    const { status, body } = await tryToken();
    if (opened) return;
    sessionStorage.removeItem(TOKEN);
    told.hidden = false;
    told.textContent = body?.error ?? word("offline");
    input.select();
    if (status) input.setAttribute("aria-invalid", "true");
  });
  main.replaceChildren(make("h1", {}, word("desk")), form);
  input.focus();
  return {};
}

// A preview of nothing says whether this tab may send.
async function tryToken() {
  const answer = await ask("v1/preview", { results: [] });
  if (answer.status === 200) {
    opened = true;
    sender = answer.body.sender;
    document.getElementById("logout").hidden = token() === null;
    catalogue ??= (await ask("v1/catalogue")).body;
    show();
    showOutbox();
    outbox.flush();
  }
  return answer;
}

function signOut(problem = null) {
  opened = false;
  sessionStorage.removeItem(TOKEN);
  document.getElementById("logout").hidden = true;
  view?.leave?.();
  view = signInView(problem);
  showOutbox();
}

// ---------------------------------------------------------------- the list of events

function listView() {
  const found = make("ul", { class: "decisions" });
  const search = make("input", { id: "find", type: "search", maxlength: "100", autocomplete: "off" });
  const decisions = make("ul", { id: "decisions", class: "decisions" });
  let timer = null;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const text = search.value.trim();
      const { status, body } = text
        ? await ask(`v1/events?limit=30&text=${encodeURIComponent(text)}`) : { status: 200, body: { events: [] } };
      if (status !== 200) found.replaceChildren(make("li", {}, body?.error ?? word("listAway")));
      else if (text && !body.events.length) found.replaceChildren(make("li", {}, word("noEvent")));
      else found.replaceChildren(...body.events.map((it) => line(it, [])));
    }, TYPING);
  });

  const sport = make("select", { id: "sport" },
    ...catalogue.sports.map((it) => make("option", { value: it.name }, sportTitle(it.name))));
  const unit = make("input", { id: "unit", maxlength: "128", autocomplete: "off" });
  const phase = phaseSelect("final");
  const problem = make("p", { class: "error", role: "alert", hidden: "" }, word("needUnit"));
  const form = make("form", { class: "stack" },
    labelled("sport", "sport", sport), labelled("unit", "unit", unit), labelled("phase", "phaseOf", phase),
    problem, make("button", { type: "submit" }, word("beginIt")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = unit.value.trim().replace(/\s+/g, " ");
    problem.hidden = name !== "";
    if (name) {
      sessionStorage.setItem(`${DRAFT}phase.${toEvent(sport.value, name)}`, phase.value);
      location.hash = toEvent(sport.value, name);
    }
  });

  function line(event, reasons) {
    const name = titled(event) ?? event.unit;
    const stage = event.stages?.[language] ?? event.stage ?? word(`phase.${event.phase}`);
    return make("li", {}, make("a", { href: toEvent(event.sport, event.unit) },
      `${sportTitle(event.sport)}: ${name} · ${stage}`),
    reasons.length ? make("span", { class: "aside" }, ` ${reasons.join("; ")}`) : null);
  }

  async function decide() {
    const events = [];
    let cursor = null;
    do {
      const { status, body } = await ask(`v1/events?limit=500${cursor ? `&cursor=${cursor}` : ""}`);
      if (status !== 200) {
        decisions.replaceChildren(make("li", {}, body?.error ?? word("listAway")));
        return;
      }
      events.push(...body.events);
      cursor = body.next;
    } while (cursor && events.length < MANY);
    const alike = new Map();
    for (const it of events) {
      const key = `${it.sport}/${it.unit.normalize("NFD").replace(/\p{M}|[^\p{L}\p{N}]/gu, "").toLowerCase()}`;
      alike.set(key, [...(alike.get(key) ?? []), it]);
    }
    const others = new Map([...alike.values()].filter((its) => its.length > 1)
      .flatMap((its) => its.map((it) => [it, its.filter((other) => other !== it)])));
    const lines = [];
    for (const it of events) {
      const reasons = [];
      if (it.conflicts) reasons.push(word("conflictsIn", { count: it.conflicts }));
      if (["final", "bronze"].includes(it.phase) && it.state !== "official") reasons.push(word("provisionalFinal"));
      if (others.has(it)) reasons.push(word("lookAlikes", { others: others.get(it).map((other) => other.unit).join(", ") }));
      if (reasons.length) lines.push(line(it, reasons));
    }
    decisions.replaceChildren(...(lines.length ? lines : [make("li", {}, word("noDecisions"))]));
  }

  main.replaceChildren(
    make("h1", { tabindex: "-1" }, word("desk")),
    labelled("find", "find", search), found,
    make("h2", {}, word("decisions")), decisions,
    make("h2", {}, word("begin")), form);
  decide();
  const timerOfDecisions = setInterval(decide, 5 * LOOK);
  return { leave: () => clearInterval(timerOfDecisions) };
}

const labelled = (id, name, input) => make("div", {}, make("label", { for: id }, word(name)), input);

function phaseSelect(chosen) {
  const select = make("select", { id: "phase" },
    ...PHASES.map((it) => make("option", { value: it }, word(`phase.${it}`))));
  select.value = chosen;
  return select;
}

// ---------------------------------------------------------------- one event

// What the cells of a row say of a result.
function cellsOf(result) {
  const cells = { id: result?.competitor.id, name: result?.competitor.name, faculty: result?.faculty,
    mark: result?.mark, outcome: result?.outcome, rank: result?.rank, irm: result?.irm };
  return Object.fromEntries(FIELDS.map((it) => [it, String(cells[it] ?? "")]));
}

function eventView(sport, unit) {
  const key = DRAFT + toEvent(sport, unit);
  const grid = make("div", { class: "grid", role: "group" });
  const told = make("p", { class: "error", role: "alert", hidden: "" });
  const notes = make("div", {});
  const medals = make("ul", { class: "medals-moved" });
  const log = make("ul", { class: "log" });
  const title = make("h1", { tabindex: "-1" }, unit);
  const phase = phaseSelect(sessionStorage.getItem(`${DRAFT}phase.${toEvent(sport, unit)}`) ?? "final");
  const faculties = make("datalist", { id: "faculties" },
    ...catalogue.faculties.map((it) => make("option", { value: it.name }, facultyTitle(it.name))));
  const competitors = make("datalist", { id: "competitors" });
  const rows = [];
  let history = { competitors: {}, end: -1 };
  let known = new Map(); // competitor → {name, faculty}, of other events
  let phaseKnown = false;
  let refusal = null; // what the gateway said to what was sent last, if it took none of it
  let timer = null;
  let asked = 0;
  let left = false;

  // ---- rows

  // base: the version that a change replaces. result: what is there, as far as this row knows.
  function addRow(result = null, base = 0) {
    const row = { result, base, status: result?.status ?? null, forced: false, rival: null, errors: {},
      before: null, inputs: {}, node: make("div", { class: "row", role: "group" }) };
    const filled = cellsOf(result);
    for (const name of FIELDS) {
      const input = name === "outcome"
        ? make("select", {}, make("option", { value: "" }, "–"),
          ...["won", "lost", "tied"].map((it) => make("option", { value: it }, word(`outcomes.${it}`))))
        : make("input", { autocomplete: "off", autocapitalize: "off", spellcheck: "false",
          inputmode: name === "rank" ? "numeric" : null, enterkeyhint: "next",
          placeholder: word(`fields.${name}`),
          list: { faculty: "faculties", id: "competitors" }[name] });
      input.value = filled[name];
      input.dataset.field = name;
      input.addEventListener("input", () => typed(row, name));
      input.addEventListener("keydown", (event) => moved(event, row, name));
      input.addEventListener("paste", (event) => pasted(event, row, name));
      row.inputs[name] = input;
    }
    row.facts = make("p", { class: "facts" });
    row.does = make("div", { class: "does" },
      button(word("disqualify"), () => { row.inputs.irm.value = "DSQ"; typed(row, "irm"); }),
      button(word("withdraw"), () => { row.status = "withdrawn"; edited(row); }),
      button(word("history"), () => log.querySelector(`[data-id="${CSS.escape(value(row, "id"))}"]`)?.scrollIntoView()),
      button(word("undo"), () => undo(row)));
    row.error = make("p", { class: "error", hidden: "" });
    row.error.id = `error-${rows.length}-${Math.random().toString(36).slice(2)}`;
    row.note = make("div", { class: "warning rival", hidden: "" });
    row.node.append(...FIELDS.map((it) => make("div", { class: `cell ${it}` }, row.inputs[it])),
      row.error, row.note, row.facts, row.does);
    rows.push(row);
    grid.append(row.node);
    label(row);
    return row;
  }

  const isBout = () => catalogue.sports.find((it) => it.name === sport)?.order === "head-to-head";
  const value = (row, name) => row.inputs[name].value.trim();
  const isBlank = (row) => FIELDS.every((it) => value(row, it) === "");
  const differs = (row) => row.forced || row.status !== (row.result?.status ?? null)
    || JSON.stringify(FIELDS.map((it) => value(row, it))) !== JSON.stringify(FIELDS.map((it) => cellsOf(row.result)[it]));
  const ofId = (id) => rows.find((it) => value(it, "id") === id);
  const isPending = (row) => outbox.own().some((it) => it.sport === sport && it.unit === unit
    && it.changes.some((change) => change.competitor.id === value(row, "id")));

  function label(row) {
    const who = value(row, "name") || value(row, "id") || word("newRow");
    row.node.setAttribute("aria-label", who);
    for (const name of FIELDS) {
      const input = row.inputs[name];
      input.setAttribute("aria-label", word("cell", { field: word(`fields.${name}`), who }));
      // An identity that others know cannot become another's.
      if (name === "id") input.readOnly = row.base > 0;
    }
  }

  function state(row) {
    label(row);
    const isEdited = differs(row) && !isBlank(row);
    row.node.classList.toggle("edited", isEdited);
    row.node.classList.toggle("withdrawn", row.status === "withdrawn");
    row.does.hidden = isBlank(row);
    row.does.children[0].hidden = value(row, "irm") === "DSQ" || row.status === "withdrawn";
    row.does.children[1].hidden = row.status === "withdrawn" || row.base === 0;
    row.does.children[2].hidden = row.base === 0;
    row.does.children[3].hidden = !isEdited;
    const place = row.place;
    row.facts.replaceChildren(...[
      place?.rank ? word("rankIs", { rank: place.rank }) : null,
      place?.medal ? make("span", {}, make("span", { class: `disc ${place.medal}`, "aria-hidden": "true" }), word(place.medal)) : null,
      isBlank(row) ? null : make("span", { class: "tag" }, isPending(row) ? word("pending")
        : isEdited ? word("edited") : word(row.status ?? "fresh")),
      row.base ? word("version", { version: row.base }) : null,
    ].filter(Boolean));
    for (const [name, input] of Object.entries(row.inputs)) {
      const wrong = name in row.errors;
      input.setAttribute("aria-invalid", wrong);
      if (wrong) input.setAttribute("aria-describedby", row.error.id);
      else input.removeAttribute("aria-describedby");
    }
    const texts = Object.entries(row.errors).map(([name, error]) => (FIELDS.includes(name) ? `${word(`fields.${name}`)}: ${error}` : error));
    row.error.textContent = texts.join(" ");
    row.error.hidden = texts.length === 0;
  }

  // Something in a row is another: keep it, show what it would do.
  function edited(row) {
    if (row === rows.at(-1) && !isBlank(row)) addRow();
    keep();
    state(row);
    previewSoon();
  }

  function typed(row, name) {
    row.errors = {};
    if (name === "id") {
      const other = known.get(value(row, "id"));
      if (other && !value(row, "name") && !value(row, "faculty")) {
        row.inputs.name.value = other.name ?? "";
        row.inputs.faculty.value = other.faculty;
      }
    }
    if (row.status === "withdrawn") row.status = row.result?.status === "withdrawn" ? "official" : row.result?.status ?? null;
    edited(row);
  }

  function undo(row) {
    if (row.result === null) {
      for (const input of Object.values(row.inputs)) input.value = "";
      row.status = null;
    } else {
      fill(row, row.result, row.base);
    }
    row.errors = {};
    row.forced = false;
    edited(row);
  }

  function fill(row, result, base) {
    row.result = result;
    row.base = base;
    row.status = result?.status ?? null;
    for (const [name, text] of Object.entries(cellsOf(result))) row.inputs[name].value = text;
  }

  function keep() {
    const drafts = {};
    for (const row of rows) {
      if (differs(row) && !isBlank(row)) {
        const cells = Object.fromEntries(FIELDS.map((it) => [it, value(row, it)]));
        drafts[cells.id || `new ${rows.indexOf(row)}`] = { ...cells, status: row.status, base: row.base, forced: row.forced };
      }
    }
    if (Object.keys(drafts).length) sessionStorage.setItem(key, JSON.stringify(drafts));
    else sessionStorage.removeItem(key);
  }

  // ---- keys and paste

  function moved(event, row, name) {
    const way = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!way || event.isComposing) return;
    if (event.key !== "Enter" && (name === "outcome" || (row.inputs[name].list && event.key === "ArrowDown"))) return;
    event.preventDefault();
    const next = rows[rows.indexOf(row) + way];
    next?.inputs[name].focus();
    next?.inputs[name].select?.();
  }

  function pasted(event, row, name) {
    const text = event.clipboardData.getData("text/plain").replace(/[\r\n]+$/, "");
    if (!/[\t\n]/.test(text) || name === "outcome") return; // one cell: the browser's business
    event.preventDefault();
    const first = PASTED.indexOf(name);
    let at = rows.indexOf(row);
    for (const line of text.split(/\r\n|\r|\n/)) {
      const cells = line.split("\t").map((it) => it.trim());
      if (cells.every((it) => it === "")) continue;
      // A line with an id goes into that competitor's row, or a new one.
      const target = (first === 0 ? ofId(cells[0]) ?? rows.find(isBlank) : rows[at++]) ?? addRow();
      cells.forEach((cell, place) => {
        const field = PASTED[first + place];
        if (field && !target.inputs[field].readOnly) target.inputs[field].value = cell;
      });
      target.errors = {};
      if (target === rows.at(-1)) addRow();
      state(target);
    }
    edited(row);
  }

  // ---- preview

  function resultOf(row, status) {
    const cells = Object.fromEntries(FIELDS.map((it) => [it, value(row, it)]));
    const age = row.result?.competitor.age;
    const change = { sport, unit, phase: phase.value, competitor: { id: cells.id }, faculty: cells.faculty, status };
    if (cells.name) change.competitor.name = cells.name;
    if (age !== undefined) change.competitor.age = age;
    for (const name of ["mark", "outcome", "rank", "irm"]) if (cells[name]) change[name] = cells[name];
    // The officials' word on a medal stays until it is changed elsewhere.
    if (row.result?.medal) change.medal = row.result.medal;
    return change;
  }

  function previewSoon() {
    clearTimeout(timer);
    timer = setTimeout(preview, TYPING);
  }

  async function preview() {
    const own = ++asked;
    const filled = rows.filter((it) => !isBlank(it));
    const shown = filled.filter((it) => it.status !== "withdrawn");
    const before = Object.values(history.competitors).map((its) => its[0].result)
      .filter((it) => it.status === "official");
    // Nobody is asked what is there: this tab knows it.
    const [after, now] = await Promise.all([
      ask("v1/preview", { results: shown.map((it) => resultOf(it, "official")) }),
      before.length ? ask("v1/preview", { results: before }) : { status: 200, body: { medals: [] } },
    ]);
    if (own !== asked || left) return;
    if (after.status !== 200 || now.status !== 200) {
      medals.replaceChildren(make("li", {}, after.body?.error ?? word("previewAway")));
      return;
    }
    for (const row of filled) row.errors = {};
    for (const it of after.body.rejected) wrong(shown[it.index], it);
    const places = new Map(after.body.units[0]?.after.rows.map((it) => [it.competitor, it]));
    for (const row of filled) {
      row.place = row.status === "withdrawn" ? null : places.get(value(row, "id"));
      state(row);
    }
    const moves = new Map();
    for (const [its, sign] of [[after.body.medals, 1], [now.body.medals, -1]]) {
      for (const it of its) {
        const sums = moves.get(it.faculty) ?? [0, 0, 0];
        moves.set(it.faculty, sums.map((sum, place) => sum + sign * it[MEDALS[place]]));
      }
    }
    const lines = [...moves].filter(([, sums]) => sums.some(Boolean)).map(([faculty, sums]) =>
      make("li", {}, word("moved", { faculty: facultyTitle(faculty), what: sums
        .map((sum, place) => (sum ? `${sum > 0 ? "+" : "−"}${Math.abs(sum)} ${word(MEDALS[place])}` : null))
        .filter(Boolean).join(", ") })));
    medals.replaceChildren(...(lines.length ? lines : [make("li", {}, word("noMove"))]));
    const told = after.body.units[0]?.after;
    if (told) title.textContent = titled(told) ?? unit;
    notes.replaceChildren(...(told && !told.recognised && told.order !== "head-to-head"
      ? [make("p", { class: "warning" }, word("unknownEvent", { best: word(told.order === "lower" ? "lowest" : "highest") }))] : []));
  }

  function wrong(row, { field, error }) {
    const cell = { "competitor.id": "id", "competitor.name": "name" }[field] ?? field;
    row.errors[FIELDS.includes(cell) ? cell : ""] = error;
  }

  // ---- what others have changed

  async function look(quiet = false) {
    const { status, body } = await ask(`v1/history/${encodeURIComponent(sport)}/${encodeURIComponent(unit)}`);
    if (left) return;
    if (status === 401 || status === 403) return signOut(body.error);
    told.hidden = refusal === null && (status === 200 || status === 404 || status === 0);
    told.textContent = refusal ?? word("cannotRead", { error: body?.error ?? "" });
    if (status !== 200) return undefined;
    const before = history;
    history = body;
    for (const [id, versions] of Object.entries(body.competitors)) {
      const now = versions[0];
      const row = ofId(id);
      if (!phaseKnown) {
        phase.value = now.result.phase;
        phaseKnown = true;
      }
      if (!row) {
        addRow(now.result, now.result.version);
        continue;
      }
      if (isPending(row) || now.result.version < row.base) continue;
      if (!differs(row)) {
        const news = row.base < now.result.version;
        fill(row, now.result, now.result.version);
        if (news && !quiet) {
          announce(word("changedBy", { by: by(now), who: now.result.competitor.name ?? id, what: said(now.result) }));
        }
      } else if (row.base === now.result.version) {
        row.result = now.result; // as the gateway writes it
      } else {
        row.rival = now;
      }
    }
    // The blank one stays the last.
    const blank = rows.findIndex((it) => isBlank(it) && it.base === 0);
    if (blank >= 0 && blank < rows.length - 1) {
      const [row] = rows.splice(blank, 1);
      rows.push(row);
      grid.append(row.node);
    }
    for (const row of rows) {
      showRivals(row);
      state(row);
    }
    grid.classList.toggle("bouts", isBout() || rows.some((it) => value(it, "outcome")));
    showLog();
    if (quiet || before.end !== body.end) previewSoon();
    return undefined;
  }

  // Another official's change of what is edited here, or two contents of one version.
  function showRivals(row) {
    const versions = history.competitors[value(row, "id")] ?? [];
    const parts = [];
    if (row.rival) {
      const now = row.rival;
      parts.push(make("p", {}, word("theirs", { by: by(now), what: said(now.result), version: now.result.version })),
        button(word("takeTheirs"), () => settle(row, now, now.result)),
        button(word("keepMine"), () => settle(row, now, null)));
    } else if (!isPending(row) && !row.forced && versions[0]?.conflict && versions[0].result.version === row.base) {
      parts.push(make("p", {}, word("conflict")), ...versions.filter((it) => it.conflict).map((it) =>
        button(word("takeThis", { what: said(it.result), by: by(it) }), () => {
          fill(row, it.result, row.base);
          row.forced = true;
          showRivals(row);
          edited(row);
        })));
    }
    row.note.replaceChildren(...parts);
    row.note.hidden = parts.length === 0;
  }

  function settle(row, now, theirs) {
    row.rival = null;
    if (theirs) {
      row.forced = false;
      fill(row, theirs, now.result.version);
    } else {
      row.result = now.result;
      row.base = now.result.version;
    }
    showRivals(row);
    edited(row);
  }

  function showLog() {
    const entries = Object.entries(history.competitors).flatMap(([id, versions]) => versions.map((it, place) => ({
      id, it, before: versions[place + 1]?.result ?? null,
      at: it.records[0].timestamp,
    })));
    entries.sort((a, b) => b.at - a.at);
    log.replaceChildren(...(entries.length ? entries.map(({ id, it, before, at }) => make("li", { "data-id": id },
      make("strong", {}, it.result.competitor.name ?? id), `: ${before ? `${said(before)} → ` : ""}${said(it.result)}`,
      make("span", { class: "aside" }, `${new Date(at).toLocaleString(language)} · ${it.records[0].sender ?? word("somebody")} · ${
        word("version", { version: it.result.version })}`)))
      : [make("li", {}, word("noHistory"))]));
  }

  // ---- send

  async function send(status) {
    const some = rows.filter((it) => !isBlank(it) && it.rival === null
      && (differs(it) || (status === "official" && it.status === "unofficial")));
    const open = rows.find((it) => Object.keys(it.errors).length);
    if (!some.length || open) {
      announce(word(open ? "rejected" : "nothingToSend"));
      open?.inputs[Object.keys(open.errors)[0] || "id"]?.focus();
      return;
    }
    const changes = some.map((row) => ({
      ...resultOf(row, row.status === "withdrawn" ? "withdrawn" : status), replaces: row.base,
    }));
    some.forEach((row, place) => underWay(row, changes[place]));
    keep();
    await outbox.add({ sport, unit, changes });
  }

  // What is typed from now on replaces what is under way. before: what the gateway is known to have.
  function underWay(row, change) {
    row.before ??= { result: row.result, base: row.base };
    row.result = change;
    row.base = change.replaces + 1;
    row.status = change.status;
    row.forced = false;
  }

  async function answered(sending, status, body) {
    if (status === 422) {
      for (const it of body.rejected) {
        const row = ofId(sending.changes[it.index].competitor.id);
        if (row) wrong(row, it);
      }
    }
    const written = status === 202 || (status === 409 && body.accepted > 0);
    for (const change of sending.changes) {
      const row = ofId(change.competitor.id);
      if (!row?.before) continue;
      if (written) {
        row.before = isPending(row) ? { result: change, base: change.replaces + 1 } : null;
      } else {
        // What was typed is an edit again, of what was there before.
        Object.assign(row, row.before);
        row.before = null;
        keepTyped(row, change);
      }
    }
    if (!written) {
      for (const it of body.changed ?? []) {
        const row = ofId(sending.changes[it.index].competitor.id);
        if (row && it.now) row.rival = it.now;
      }
      keep();
    }
    if (status === 409) announce(word(body.accepted ? "bothWritten" : "refused", { count: sending.changes.length }));
    if (status === 422) announce(word("rejected"));
    refusal = [202, 409, 422].includes(status) ? null
      : word("notTaken", { error: body.error });
    await look(true);
    for (const row of rows) state(row);
  }

  function keepTyped(row, change) {
    row.status = change.status === "withdrawn" ? "withdrawn" : row.result?.status ?? null;
    row.forced ||= change.status !== row.result?.status;
  }

  // ---- put together

  const act = make("div", { class: "act" },
    button(word("sendProvisional"), () => send("unofficial"), { id: "provisional" }),
    button(word("declare"), () => send("official"), { id: "declare", class: "strong" }));
  phase.addEventListener("change", () => {
    for (const row of rows) if (row.base) row.forced = true;
    previewSoon();
  });
  main.replaceChildren(
    make("p", {}, make("a", { href: "#/" }, word("back"))), title,
    make("p", { class: "where" }, sportTitle(sport)),
    make("div", { class: "head" }, labelled("phase", "phaseOf", phase)),
    told, notes, faculties, competitors,
    make("p", { class: "aside" }, word("pasteHint")), grid, act,
    make("h2", {}, word("preview")), medals,
    make("h2", {}, word("history")), log);
  title.focus({ preventScroll: true });

  // Until there are rows, what is refused is kept as a draft, which becomes one of them.
  let begun = false;
  async function begin() {
    await look(true);
    for (const change of outbox.own().filter((it) => it.sport === sport && it.unit === unit).flatMap((it) => it.changes)) {
      const row = ofId(change.competitor.id) ?? addRow();
      for (const [name, text] of Object.entries(cellsOf(change))) row.inputs[name].value = text;
      underWay(row, change);
    }
    const drafts = JSON.parse(sessionStorage.getItem(key) ?? "{}");
    for (const draft of Object.values(drafts)) {
      const row = (draft.id && ofId(draft.id)) || addRow();
      for (const name of FIELDS) row.inputs[name].value = draft[name];
      row.status = draft.status;
      row.forced = draft.forced ?? false;
      const now = history.competitors[draft.id]?.[0];
      if (now && now.result.version > draft.base) row.rival = now;
      else row.base = draft.base;
      showRivals(row);
    }
    begun = true;
    if (!rows.length || !isBlank(rows.at(-1))) addRow();
    grid.classList.toggle("bouts", isBout());
    for (const row of rows) state(row);
    showLog();
    previewSoon();
    const { status, body } = await ask(`v1/events?limit=500&sport=${encodeURIComponent(sport)}`);
    if (status !== 200) return;
    known = new Map(body.events.flatMap((it) => it.leaders.map((leader) => [leader.competitor, leader])));
    competitors.replaceChildren(...[...known].map(([id, it]) =>
      make("option", { value: id }, `${it.name ?? id} · ${facultyTitle(it.faculty)}`)));
  }
  const looking = setInterval(() => { if (!document.hidden) look(); }, LOOK);
  const self = {
    is: (itsSport, itsUnit) => begun && itsSport === sport && itsUnit === unit,
    answered,
    outboxChanged: () => rows.forEach(state),
    leave() {
      left = true;
      clearInterval(looking);
      clearTimeout(timer);
    },
  };
  begin();
  return self;
}

// ---------------------------------------------------------------- which view

function show() {
  if (!opened) return;
  view?.leave?.();
  // What somebody typed need not be encoded; a slash may be a part of the unit.
  const [, kind, sport, ...unit] = location.hash.split("/").map(decoded);
  if (kind === "event" && unit.length) view = eventView(sport, unit.join("/"));
  else view = listView();
}

function applyLanguage() {
  root.lang = language;
  document.title = `${word("desk")} · Medallero`;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  const other = language === "es" ? "en" : "es";
  const switcher = document.getElementById("language");
  switcher.lang = other;
  switcher.textContent = WORDS[other].self;
  tellReached(root.dataset.state !== "lost");
  showOutbox();
}

document.getElementById("language").addEventListener("click", () => {
  language = language === "es" ? "en" : "es";
  try {
    localStorage.setItem("medallero.lang", language);
  } catch {
    // It lasts as long as the page, then.
  }
  applyLanguage();
  if (opened) show();
  else view = signInView();
});
document.getElementById("logout").addEventListener("click", () => {
  if (outbox.waiting.length && !confirm(word("leaveFirst"))) return;
  outbox.leaveOnly([]);
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(DRAFT)) sessionStorage.removeItem(name);
  }
  signOut();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
addEventListener("offline", () => tellReached(false));

applyLanguage();
main.replaceChildren(make("p", {}, word("working")));
const { status } = await tryToken();
if (!opened) signInView(status === 0 ? word("offline") : null);

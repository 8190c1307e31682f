// Addresses of the page: which view each is of, and how to go there without a reload.

const ROOT = new URL("..", import.meta.url).pathname;
// What is chosen in the address stays in it.
const KEPT = new URLSearchParams([...new URLSearchParams(location.search)]
  .filter(([name]) => name === "lang" || name === "theme"));
const places = new Map(); // address → how far it was scrolled

function address(names, text = "") {
  const query = new URLSearchParams(KEPT);
  if (text) query.set("q", text);
  const path = ROOT + names.map(encodeURIComponent).join("/");
  return query.size ? `${path}?${query}` : path;
}

export const to = {
  table: () => address([]),
  sports: () => address(["sports"]),
  sport: (sport, text) => address(["sports", sport], text),
  event: (sport, event) => address(["events", sport, event]),
  competitor: (competitor) => address(["competitors", competitor]),
  faculty: (faculty) => address(["faculties", faculty]),
  search: (text) => address(["search"], text),
  latest: () => address(["latest"]),
};

// An event's code is what the codes of its units share.
export const isEventCode = (text) => /^[A-Z][A-Z0-9]{2}[MWXO-][A-Z0-9.+-]{0,18}$/.test(text);

export function route() {
  const [kind, ...rest] = location.pathname.slice(ROOT.length).split("/");
  const text = (new URLSearchParams(location.search).get("q") ?? "").trim();
  return { kind, names: rest.map(decoded), text };
}

// What somebody typed need not be encoded: of a unit's own text a percent sign may be a part.
export const decoded = (text) => text.replace(/(?:%[0-9a-f]{2})+/gi, (it) => {
  try {
    return decodeURIComponent(it);
  } catch {
    return it;
  }
});

// Addresses of earlier versions had all of it behind a "#".
function translateOld() {
  if (!location.hash.startsWith("#/")) return false;
  const hash = location.hash.slice(2);
  // Of a unit's own text a question mark may be a part.
  const [path, asked] = hash.startsWith("units/") ? [hash] : hash.split("?", 2);
  let names = path.split("/").filter(Boolean).map(decoded);
  if (names[0] === "units") names = ["events", names[1] ?? "", names.slice(2).join("/")];
  history.replaceState(null, "", address(names, new URLSearchParams(asked).get("q") ?? ""));
  return true;
}

// Goes to an address of the page; `moved(followed)` of whoever listens shows it.
let listener = () => {};

export function go(href) {
  places.set(location.href, scrollY);
  history.pushState(null, "", href);
  listener(true);
  scrollTo(0, 0);
}

// Keeps what is typed in the address, without a step back for each letter.
export const keepInAddress = (href) => history.replaceState(history.state, "", href);

// `moved()` shows what the address says, whenever it has become another one.
export function listen(moved) {
  listener = moved;
  translateOld();
  history.scrollRestoration = "manual";
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || link.target
      || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (!isOurs(new URL(link.href))) return;
    event.preventDefault();
    go(link.href);
  });
  addEventListener("popstate", () => {
    translateOld();
    moved();
    scrollTo(0, places.get(location.href) ?? 0);
  });
}

const KINDS = ["", "sports", "events", "competitors", "faculties", "search", "latest"];

const isOurs = (url) => url.origin === location.origin && url.pathname.startsWith(ROOT)
  && KINDS.includes(url.pathname.slice(ROOT.length).split("/")[0])
  && !url.searchParams.has("kiosk") && !url.hash;

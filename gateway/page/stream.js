// Follows the live stream, and comes back to it by itself.

const SILENCE = 7000; // milliseconds: signs of life come every two seconds
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10000;
const UNSEEN = 60000; // a page that nobody looks at for so long lets go of the stream

// The given functions hear of standings, the latest changes, rates, signs of life, the catalogue, and
// of the connection: "live", "lost", or "delayed" while the stream is full and all is fetched.
export function follow({ onStandings, onLatest, onRates, onAlive, onCatalogue, onConnection }) {
  let source = null;
  let heard = 0;
  let pause = FIRST_PAUSE;
  let retry = null;
  let unseen = null;
  let named = false; // whether the catalogue has come

  function open() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("v1/stream");
    heard = performance.now();
    const hear = (name, use) => source.addEventListener(name, (event) => {
      heard = performance.now();
      pause = FIRST_PAUSE;
      onConnection("live");
      use(JSON.parse(event.data));
    });
    hear("standings", onStandings);
    hear("latest", onLatest);
    hear("rates", onRates);
    hear("alive", onAlive);
    source.addEventListener("open", fetchCatalogue);
    source.addEventListener("error", lose);
  }

  function close() {
    clearTimeout(retry);
    retry = null;
    source?.close();
    source = null;
  }

  // The browser would try again too, but not after every kind of failure, and never more slowly.
  async function lose() {
    close();
    retry = setTimeout(open, pause * (0.7 + 0.6 * Math.random()));
    pause = Math.min(2 * pause, LONGEST_PAUSE);
    try {
      const answer = await fetch("v1/standings", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const standings = await answer.json();
      if (source !== null && source.readyState === EventSource.OPEN) return;
      onConnection("delayed");
      onStandings(standings);
      const latest = await fetch("v1/latest", { cache: "no-store" });
      if (latest.ok) onLatest(await latest.json());
      if (!named) await fetchCatalogue();
    } catch {
      if (source === null || source.readyState !== EventSource.OPEN) onConnection("lost");
    }
  }

  async function fetchCatalogue() {
    try {
      const answer = await fetch("v1/catalogue", { cache: "no-store" });
      if (!answer.ok) return;
      onCatalogue(await answer.json());
      named = true;
    } catch {
      // Until the next connection the plain names do.
    }
  }

  setInterval(() => {
    if (source !== null && performance.now() - heard > SILENCE) lose();
  }, 1000);
  addEventListener("online", open);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(close, UNSEEN);
    else if (source === null) open();
  });
  open();
}

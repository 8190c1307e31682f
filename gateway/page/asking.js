// Asking the gateway for one thing again and again, while there is news and it can be told.

const PAUSE = 1000; // milliseconds between two questions, however fast results come

// Whether the same question may have another answer a little later.
export const mayBeBetter = (status) => status >= 500 || status === 429 || status === 408;

// `path()` is asked; `told(answer, path)` hears of it, `failed(status)` of what went wrong: 0 if nothing
// was answered. What was refused is not asked again.
export function asking({ path, told, failed }) {
  let under = false;
  let again = false;
  let left = false;
  let refused = null;

  async function ask() {
    const asked = path();
    if (left || asked === refused) return;
    if (under) {
      again = true;
      return;
    }
    under = true;
    again = false;
    try {
      const answer = await fetch(asked, { cache: "no-store" });
      if (left) return;
      if (answer.ok) {
        const body = await answer.json();
        told(body, asked);
        again ||= body.complete === false;
      } else {
        // What has no results yet may get some: the next news ask again.
        if (answer.status === 400) refused = asked;
        again ||= mayBeBetter(answer.status);
        failed(answer.status);
      }
    } catch {
      again = true;
      if (!left) failed(0);
    }
    setTimeout(() => {
      under = false;
      if (again) ask();
    }, PAUSE);
  }
  return { ask, leave() { left = true; } };
}

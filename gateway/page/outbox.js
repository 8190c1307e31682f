// What was sent and is not acknowledged: kept in this tab, sent again until the gateway answers.
// The gateway takes the same request twice without writing it twice. What somebody sent goes out
// with a token of the same name alone, whoever signs in next in this tab.

const KEPT = "medallero.desk.outbox";
const FIRST_PAUSE = 1000; // milliseconds
const LONGEST_PAUSE = 15000;
const PATIENCE = 20000; // for one answer
const NOT_NOW = [0, 408, 429, 502, 503, 504]; // 0: no answer

export class Outbox {
  // `token()` is the token, and `sender()` its name; `answered(sending, status, body)` hears of each answer, `changed()` of
  // what waits, `reached(whether)` whether the gateway answers.
  constructor({ token, sender, answered, changed, reached }) {
    Object.assign(this, { token, sender, answered, changed, reached });
    this.waiting = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    this.pause = FIRST_PAUSE;
    this.timer = null;
    this.sending = false;
    addEventListener("online", () => this.flush());
    addEventListener("beforeunload", (event) => {
      if (this.waiting.length) event.preventDefault();
    });
  }

  add(sending) {
    this.waiting.push({ ...sending, sender: this.sender() });
    this.keep();
    return this.flush();
  }

  // What whoever is signed in has sent; nothing while nobody is.
  own() {
    const sender = this.sender();
    return sender === undefined ? [] : this.waiting.filter((it) => it.sender === sender);
  }

  // What others have sent who signed in in this tab.
  ofOthers() {
    return this.waiting.filter((it) => it.sender !== this.sender());
  }

  leaveOnly(kept) {
    this.waiting = kept;
    this.keep();
  }

  keep() {
    if (this.waiting.length) sessionStorage.setItem(KEPT, JSON.stringify(this.waiting));
    else sessionStorage.removeItem(KEPT);
    this.changed();
  }

  // One after the other: a later change may replace an earlier one.
  async flush() {
    clearTimeout(this.timer);
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.own().length) {
        const first = this.own()[0];
        const { status, body } = await this.post(first.changes);
        if (NOT_NOW.includes(status)) {
          this.reached(status !== 0);
          this.timer = setTimeout(() => this.flush(), this.pause);
          this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
          return;
        }
        this.reached(true);
        this.pause = FIRST_PAUSE;
        if (status === 401 || status === 403) {
          // It is of the token of whoever sent it; somebody else may have signed in meanwhile.
          if (!this.own().includes(first)) continue;
          await this.answered(first, status, body);
          return;
        }
        if (!this.waiting.includes(first)) continue; // logged out meanwhile
        this.waiting = this.waiting.filter((it) => it !== first);
        const vain = status === 202 ? [] : this.takeWhatBuildsOn(first);
        this.keep();
        for (const it of vain) await this.answered(it, 409, { changed: [] });
        await this.answered(first, status, body);
      }
    } finally {
      this.sending = false;
    }
  }

  // Takes out later changes of the same results, and returns them, the last one first. They name
  // the version that `refused` would have had: by now that may be somebody else's.
  takeWhatBuildsOn(refused) {
    const named = (it) => it.changes.map((change) =>
      JSON.stringify([it.sport, it.unit, change.competitor.id]));
    const lost = new Set(named(refused));
    const vain = [];
    for (const it of this.waiting.filter((other) => other.sender === refused.sender)) {
      const names = named(it);
      if (!names.some((name) => lost.has(name))) continue;
      for (const name of names) lost.add(name);
      vain.unshift(it);
    }
    this.waiting = this.waiting.filter((it) => !vain.includes(it));
    return vain;
  }

  async post(changes) {
    try {
      const answer = await fetch("v1/changes", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...this.token() },
        body: JSON.stringify(changes),
        signal: AbortSignal.timeout(PATIENCE),
      });
      try {
        return { status: answer.status, body: await answer.json() };
      } catch {
        // Of something before the gateway; or a good answer that broke off.
        return answer.ok ? { status: 0, body: null } : { status: answer.status, body: { error: answer.status } };
      }
    } catch {
      return { status: 0, body: null };
    }
  }
}

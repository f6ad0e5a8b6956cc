// The sale being entered is stored by the server while it is typed: a reload or another device finds
// it. What is not sent yet, or may not replace what is stored, waits in this tab.

import { send } from "../../shared/scripts/forms/exchange.js";
import { say } from "../../shared/scripts/say.js";

const PAUSE = 400; // milliseconds without a change before it is sent
const AGAIN = 5_000; // milliseconds until what failed is tried again

/**
 * @param form   data-draft-of names the seller; data-saved says that what it shows is the server's
 * @param values () => what is to be stored, by name, all of it text
 */
export function saleDraft({ form, values }) {
  const line = form.querySelector("[data-draft-line]");
  const notice = form.querySelector("[data-notice]");
  const waiting = tabStore(`guichet-draft/sale/${form.dataset.draftOf}`);
  const aside = tabStore(`guichet-draft/aside/${form.dataset.draftOf}`);
  let stored = "";
  let timer = 0;
  let sending = Promise.resolve();
  let leaving = false; // the next page may have been made before the last save arrived
  let stopped = true; // not begun yet, recorded, thrown away, or another sale's draft is in the way
  let ended = false; // recorded or thrown away: an answer that comes now brings nothing back

  function current() {
    return JSON.stringify(values());
  }

  const isBlank = () =>
    Object.entries(values()).every(([name, value]) => name === "form_key" || value === "");

  function changed() {
    if (ended) return;
    line.hidden = isBlank();
    if (current() === stored || (stored === "" && isBlank())) return;
    if (aside.read()?.cleared) withdrawOffer();
    leaving = false;
    waiting.write(values());
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE);
  }

  /** One at a time, so that an earlier state never replaces a later one. */
  function flush(how) {
    clearTimeout(timer);
    sending = sending.then(() => (stopped || current() === stored ? null : keep(how)));
    return sending;
  }

  async function keep({ keepalive = false, replaces = "" } = {}) {
    const now = current();
    let answer;
    try {
      answer = await send("/comptoir/brouillon", { ...values(), replaces }, { keepalive });
    } catch {
      answer = { saved: false };
    }
    if (stopped) return;
    show(answer.saved ? "entry_saved" : "entry_in_tab");
    if (answer.saved) {
      stored = now;
      if (current() === now && !leaving) waiting.forget();
      // The link that led here has done its part: a reload goes on with this sale.
      if (location.search) history.replaceState(null, "", location.pathname);
    } else if (answer.notice) {
      stopped = true;
      notice.innerHTML = answer.notice;
    } else {
      timer = setTimeout(flush, AGAIN);
    }
  }

  const show = (name) => (line.querySelector("[data-draft-text]").textContent = say(name));

  /** What this tab could not send before it was left; the page is made again with it. */
  async function catchUp() {
    const left = waiting.read();
    if (left && JSON.stringify(left) !== current()) {
      form.inert = true; // what was typed into this page would be lost with it
      await deliver(left);
      form.inert = false;
    }
    waiting.forget();
  }

  async function deliver(left) {
    const failed = ({ isPassing }) => ({ isPassing });
    const answer = await send("/comptoir/brouillon", left).catch(failed);
    if (answer.saved) {
      waiting.forget();
      location.replace(location.pathname);
      await new Promise(() => {}); // nothing goes on in the page that is left
    }
    if (answer.isPassing) {
      line.hidden = false;
      show("entry_in_tab");
      await new Promise((later) => setTimeout(later, AGAIN));
      await deliver(left);
    } else if (answer.code !== "sale_already_recorded") {
      aside.write({ draft: left });
    }
  }

  /** What was thrown away or set aside may be taken up again. */
  function offer() {
    const found = aside.read();
    const place = form.querySelector("[data-aside]");
    place.hidden = !found;
    if (found)
      place.querySelector("p").textContent = say(
        found.cleared ? "entry_cleared" : "entry_set_aside",
      );
  }

  function withdrawOffer() {
    aside.forget();
    offer();
  }

  async function takeUp() {
    const { draft } = aside.read();
    const now = isBlank() ? null : values();
    const sent = send("/comptoir/brouillon", { ...draft, replaces: "true" }, { asks: true });
    const answer = await sent.catch(() => ({ saved: false }));
    if (!answer.saved) return;
    leaveFor(now ? { draft: now } : null);
  }

  async function clear() {
    const mine = !stopped;
    const draft = values();
    stopped = true;
    clearTimeout(timer);
    await sending;
    try {
      const { form_key } = draft;
      if (mine) await send("/comptoir/brouillon/oubli", { form_key }, { asks: true });
    } catch {
      stopped = false;
      show("entry_in_tab");
      return;
    }
    leaveFor({ draft, cleared: true });
  }

  function leaveFor(setAside) {
    end();
    if (setAside) aside.write(setAside);
    else aside.forget();
    location.assign(location.pathname);
  }

  /** The sale is recorded, or leaves this page. */
  function end() {
    stopped = ended = true;
    clearTimeout(timer);
    waiting.forget();
  }

  form.addEventListener("click", (event) => {
    const pressed = (name) => event.target.closest(`[data-${name}]`);
    if (pressed("clear")) clear();
    if (pressed("take-up")) takeUp();
    if (pressed("forget-aside")) withdrawOffer();
    if (pressed("keep-mine")) {
      notice.replaceChildren();
      stopped = false;
      sending = sending.then(() => keep({ replaces: "true" }));
    }
  });
  addEventListener("beforeunload", () => (leaving = true));
  addEventListener("pagehide", () => flush({ keepalive: true }));

  return {
    changed,
    flush,
    end,
    catchUp,
    /** From now on what the page shows is stored; it shows what the server has. */
    begin() {
      stored = form.dataset.saved ? current() : "";
      stopped = false;
      offer();
      changed();
    },
  };
}

/** One thing that this tab remembers until it is closed or somebody signs out. */
function tabStore(name) {
  const attempt = (what) => {
    try {
      return what();
    } catch {
      return null; // where the browser keeps nothing
    }
  };
  return {
    read: () => attempt(() => JSON.parse(sessionStorage.getItem(name))),
    write: (value) => attempt(() => sessionStorage.setItem(name, JSON.stringify(value))),
    forget: () => attempt(() => sessionStorage.removeItem(name)),
  };
}

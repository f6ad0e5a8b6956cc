// Live updates of an open page. A script that needs them imports `onNews`:
//
//   onNews(({ changes, everything }) => ...)   read again what these changes touch, or all of it
//   onConnection((state) => ...)               "live", "lost", or "ended" with the session
//
// `changes` are hints: {number, what, by_staff, version}. Every part of a page that shows requests
// has in data-as-of the snapshot that it was read from. All tabs of a browser share one stream: the
// tab that holds the lock reads it and passes its events to the others.

import { say } from "./say.js";
import { ask } from "./session.js";

const READER = document.body.dataset.reader;
const NAME = `guichet-live/${READER}`;
const GATHER = 150; // milliseconds: changes within this time are one notification
const GRACE = 2_500; // a connection that is back so soon was never lost
const SILENCE = 40_000;
const AGAIN = 3_000;
const FULL = 60_000; // while this person has too many pages open elsewhere
const SLOWEST = 35_000; // the gateway gives every answer up before
const FORGOTTEN = 30 * 60_000; // a forgotten page must not keep its session alive for ever

const listeners = new Set();
const watchers = new Set();
const channel = "BroadcastChannel" in window ? new BroadcastChannel(NAME) : null;
const ages = [
  ...new Set([...document.querySelectorAll("[data-as-of]")].map((part) => part.dataset.asOf)),
].filter(Boolean);

let last = ages[0] ?? ""; // from where to go on
let state = "live";
let waiting = { changes: [], everything: false };
let gathering;

export function onNews(listener) {
  listeners.add(listener);
}

export function onConnection(watcher) {
  watchers.add(watcher);
  if (state !== "live") watcher(state);
}

function receive(message) {
  if (message.id) last = message.id;
  if (message.sign) awake();
  if (message.asksState && leads) channel.postMessage({ state });
  if (message.signedIn && leads) open();
  if (message.state && message.state !== state) {
    state = message.state;
    for (const watcher of watchers) watcher(state);
  }
  if (!message.changes?.length && !message.everything) return;
  waiting.changes.push(...(message.changes ?? []));
  waiting.everything ||= Boolean(message.everything);
  if (gathering === undefined) gathering = setTimeout(notify, GATHER);
}

function notify() {
  const news = waiting;
  waiting = { changes: [], everything: false };
  gathering = undefined;
  for (const listener of listeners) listener(news);
}

function broadcast(message) {
  channel?.postMessage(message);
  receive(message);
}

// --- The stream -------------------------------------------------------------------------------

let leads = false;
let source;
let watchdog;
let retry;
let grace;

function open() {
  close();
  source = new EventSource(`/en-direct?depuis=${encodeURIComponent(last)}`);
  const on = (name, act) =>
    source.addEventListener(name, (event) => {
      watch();
      act(event);
    });
  on("ready", (event) => {
    clearTimeout(grace);
    grace = undefined;
    broadcast({ state: "live", id: event.lastEventId });
  });
  on("alive", () => {});
  on("change", (event) => broadcast({ changes: [JSON.parse(event.data)], id: event.lastEventId }));
  on("everything", (event) => broadcast({ everything: true, id: event.lastEventId }));
  on("ended", () => {
    close();
    broadcast({ state: "ended" });
  });
  on("full", () => {
    close();
    broadcast({ state: "full" });
    retry = setTimeout(open, FULL);
  });
  source.addEventListener("error", lose);
  watch();
}

function close() {
  source?.close();
  source = undefined;
  clearTimeout(watchdog);
  clearTimeout(retry);
}

function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(lose, SILENCE);
}

// The browser's own new attempts know where to go on; but it gives up after some answers.
function lose() {
  grace ??= setTimeout(() => broadcast({ state: "lost" }), navigator.onLine ? GRACE : 0);
  if (source?.readyState === EventSource.CONNECTING) return;
  close();
  retry = setTimeout(open, AGAIN);
}

function lead() {
  leads = true;
  open();
  return new Promise(() => {}); // until this page goes
}

function begin() {
  if (!READER) return;
  if (!navigator.locks || !channel) {
    lead();
    catchUp(ages.slice(1));
    return;
  }
  channel.onmessage = (event) => receive(event.data);
  navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
    if (lock) {
      catchUp(ages.slice(1));
      return lead();
    }
    // What happened before this page began to listen has to be asked for.
    channel.postMessage({ asksState: true });
    catchUp(ages);
    navigator.locks.request(NAME, lead);
    return undefined;
  });
}

async function catchUp(since) {
  for (const moment of since) {
    try {
      const answer = await fetch(`/en-direct/depuis?moment=${encodeURIComponent(moment)}`);
      if (answer.ok) receive(await answer.json());
    } catch {
      // Without a connection the stream says so, and sends `everything` afterwards.
    }
  }
}

addEventListener("offline", () => leads && lose());
addEventListener("online", () => leads && source === undefined && state !== "ended" && open());

// --- Whether anybody is there -----------------------------------------------------------------

let lastSign = Date.now();
let isAsleep = false;

function sign() {
  if (Date.now() - lastSign > 60_000) channel?.postMessage({ sign: true });
  awake();
}

function awake() {
  lastSign = Date.now();
  if (isAsleep && leads) open();
  isAsleep = false;
}

for (const name of ["keydown", "pointermove", "scroll", "focus"]) {
  addEventListener(name, sign, { passive: true, capture: true });
}
setInterval(() => {
  if (leads && source && Date.now() - lastSign > FORGOTTEN) {
    isAsleep = true;
    close();
  }
}, 60_000);
addEventListener("pageshow", (event) => event.persisted && receive({ everything: true }));
addEventListener("signed-in", () => broadcast({ signedIn: true, state: "live" }));

// --- What the page says of it -----------------------------------------------------------------

const SENTENCES = {
  lost: "connection_lost",
  full: "too_many_browsers",
  ended: "session_ended_text_kept",
};

onConnection((state) => {
  const place = document.getElementById("connection");
  if (!place) return;
  place.querySelector("span").textContent = state === "live" ? "" : say(SENTENCES[state]);
  place.querySelector("a").hidden = state !== "ended";
  place.hidden = state === "live";
});

begin();

// --- Reading again ----------------------------------------------------------------------------

// A page of ours as it is now, or null where it cannot be had: an ended session leads elsewhere.
export async function readAgain(address) {
  try {
    const signal = AbortSignal.timeout(SLOWEST); // who reads one at a time would wait for ever
    const answer = await ask(address, { redirect: "manual", signal }, { quietly: true });
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}

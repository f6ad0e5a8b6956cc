// A page for scripts that ask for one, in Node: happy-dom's, whose clock is the test's.

import { readFileSync } from "node:fs";
import { mock } from "node:test";
import { runInThisContext } from "node:vm";
import { Window } from "happy-dom";

const BORROWED = [
  "document",
  "sessionStorage",
  "localStorage",
  "location",
  "history",
  "Event",
  "KeyboardEvent",
  "FormData",
  "HTMLElement",
  "Node",
  "MutationObserver",
];

/** Between tabs, as a browser's; Node would wait for its messages before it ends. */
class Channel extends BroadcastChannel {
  constructor(name) {
    super(name);
    this.unref();
  }
}

runInThisContext(readFileSync(process.env.GUICHET_WORDS, "utf-8")); // as a French page loads them

/** Make the globals of a browser that shows `html`; what was there before is gone. */
export function show(html, { url = "http://guichet.test/comptoir" } = {}) {
  const window = new Window({ url });
  for (const name of BORROWED) define(name, window[name]);
  define("window", window);
  define("BroadcastChannel", Channel);
  define("addEventListener", window.addEventListener.bind(window));
  define("scrollBy", () => {});
  window.document.body.innerHTML = html;
  return window.document;
}

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

/** From now on time passes when the test says so; gives the function that lets it pass. */
export function stopClock() {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  return async (milliseconds = 0) => {
    mock.timers.tick(milliseconds);
    await settled();
  };
}

/** Everything that waits for nothing but its turn has had it. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A key as the browser tells of it, so many milliseconds after the page came. */
export function press(target, key, { at = 0, ...more } = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  Object.defineProperty(event, "timeStamp", { value: at });
  event.getModifierState ??= () => false;
  target.dispatchEvent(event);
  return event;
}

/** What somebody has typed into a field. */
export function type(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

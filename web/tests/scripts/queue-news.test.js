import assert from "node:assert/strict";
import { before, beforeEach, mock, test } from "node:test";
import { show, stopClock } from "./page.js";

const line = (number) =>
  `<li data-number="${number}"><a class="qitem">${number}<span class="qitem__foot"></span></a></li>`;

/** The first page of a queue; `held` are those of the requests asked for that are in it. */
const queueOf = (numbers, { held = "", more = "<a data-more></a>" } = {}) =>
  `<section id="queue" data-held="${held}" data-again="/demandes/file?vue=ouvertes"><nav id="counts"></nav>
  <p id="queue-news"></p><div class="desk__list"><ul data-queue>${numbers.map(line).join("")}</ul>${more}</div></section>`;

let stream;
let reads; // of the queue, each with the means to answer or to cut it
let passes;

function fetch(url, { signal }) {
  return new Promise((resolve, reject) => {
    const answers = (html) => resolve({ ok: true, status: 200, text: async () => html });
    reads.push({ url, answers, cuts: () => reject(new TypeError("cut")) });
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

function give(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

before(async () => {
  passes = stopClock();
  mock.method(AbortSignal, "timeout", (milliseconds) => {
    const end = new AbortController();
    setTimeout(() => end.abort(), milliseconds);
    return end.signal;
  });
  show("");
  document.body.dataset.reader = "karim";
  stream = Object.assign(new window.EventTarget(), { close: () => {} });
  give("fetch", fetch);
  give("DOMParser", window.DOMParser);
  give("EventSource", function open() {
    return stream;
  });
  await import("../../src/web/desk/scripts/live.js");
});

beforeEach(() => {
  show(queueOf([1]));
  reads = [];
});

/** An event of the stream, after the time that gathers several. */
async function comes(name, change = {}) {
  stream.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(change) }));
  await passes(200);
}

async function answer(read, html) {
  read.answers(html);
  await passes();
}

const announced = () => document.getElementById("queue-news").textContent;

test("a request that changes again while the queue is read is asked for once more", async () => {
  await comes("change", { number: 7 });
  await comes("change", { number: 7 });
  assert.equal(reads.length, 1);
  await answer(reads[0], queueOf([1]));
  assert.match(reads[1].url, /&numero=7$/);
  await answer(reads[1], queueOf([1], { held: "7" }));
  assert.equal(announced(), "1 nouvelle demande\u00a0: afficher");
  await comes("change", { number: 1 });
  assert.match(reads[2].url, /&numero=7&numero=1$/);
  await answer(reads[2], queueOf([1]));
  assert.equal(announced(), "");
});

test("what a cut read would have shown is shown by the next", async () => {
  await comes("everything");
  reads[0].cuts();
  await passes();
  await comes("change", { number: 1 });
  await answer(reads[1], queueOf([3, 1], { more: "" }));
  assert.equal(announced(), "1 nouvelle demande\u00a0: afficher");
});

test("a read that never ends holds up no other for ever", async () => {
  await comes("change", { number: 1 });
  await comes("change", { number: 1 });
  assert.equal(reads.length, 1);
  await passes(35_000);
  assert.equal(reads.length, 2);
  await answer(reads[1], queueOf([1]));
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { press, show, stopClock, type } from "./page.js";

const COMPOSER = `<form data-composer><textarea id="text" name="text" data-label-note="Note" data-label-reply="Réponse"
  data-placeholder-note="…"></textarea><input type="radio" name="kind" value="reply" checked>
  <input name="minutes" data-clock="4127"><button type="button" data-quick="/" hidden></button></form>`;

let minutes;
let pass;
let pages = 0;

beforeEach(async () => {
  pass = stopClock();
  minutes = show(COMPOSER, { url: "http://guichet.test/demandes/4127" }).forms[0].elements.minutes;
  pages += 1;
  await import(`../../src/web/desk/scripts/composer.js?page=${pages}`);
});
afterEach(() => mock.timers.reset());

async function rests(seconds) {
  for (let second = 0; second < seconds; second += 1) await pass(1_000);
}

async function works(seconds) {
  for (let second = 0; second < seconds; second += 1) {
    press(document.body, "a", { at: second });
    await rests(1);
  }
}

test("time is counted by the minute that was begun", async () => {
  await works(50);
  assert.equal(minutes.value, "1");
  await works(30);
  assert.equal(minutes.value, "2");
});

test("who does nothing for two minutes works no more", async () => {
  await works(10);
  await rests(600);
  assert.equal(minutes.value, "3");
});

test("a page that is not shown counts nothing, and goes on when it is", async () => {
  const hides = (value) => Object.defineProperty(document, "hidden", { value, configurable: true });
  await works(50);
  hides(true);
  await works(300);
  assert.equal(minutes.value, "1");
  hides(false);
  await works(30);
  assert.equal(minutes.value, "2");
});

test("what was put right by hand stays, until it is emptied", async () => {
  await works(10);
  type(minutes, "12");
  await works(120);
  assert.equal(minutes.value, "12");
  type(minutes, "");
  await works(1);
  assert.equal(minutes.value, "3");
});

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { steady } from "../../src/web/shared/scripts/steady.js";
import { show } from "./page.js";

let part;
let top; // of the part, in the window
let most; // how far the page can still be scrolled

beforeEach(() => {
  part = show('<p id="part"></p>').getElementById("part");
  [top, most] = [100, 1_000];
  part.getBoundingClientRect = () => ({ top });
  globalThis.scrollBy = (_, wanted) => {
    const done = Math.min(wanted, most);
    top -= done;
    most -= done;
  };
  Object.assign(globalThis, { scrollY: 0, innerHeight: 900 });
});

test("what somebody reads stays where it is when something comes above it", () => {
  steady(part, () => (top += 80));
  assert.equal(top, 100);
});

test("a page too short for that gets room at its end, which may be there with a later frame", () => {
  most = 0;
  const frames = [];
  globalThis.requestAnimationFrame = (next) => frames.push(next);
  steady(part, () => (top += 80));
  assert.equal(document.body.style.minBlockSize, "980px");
  assert.equal(top, 180);
  frames.shift()();
  most = 1_000;
  frames.shift()();
  assert.equal(top, 100);
  assert.deepEqual(frames, []);
});

test("a page that never gets its room is not asked for ever", () => {
  most = 0;
  const frames = [];
  globalThis.requestAnimationFrame = (next) => frames.push(next);
  steady(part, () => (top += 80));
  while (frames.length) frames.shift()();
  assert.equal(top, 180);
});

test("what is gone with the change, or was never there, holds nothing", () => {
  steady(part, () => part.remove());
  let changed = false;
  steady(null, () => (changed = true));
  assert.equal(top, 100);
  assert.ok(changed);
});

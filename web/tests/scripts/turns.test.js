import assert from "node:assert/strict";
import { test } from "node:test";

import { oneAtATime } from "../../src/web/shared/scripts/turns.js";

function slowly() {
  const begun = [];
  const read = oneAtATime(() => new Promise((resolve, reject) => begun.push({ resolve, reject })));
  return { begun, read };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what is asked for meanwhile is read once more, after the first has come", async () => {
  const { begun, read } = slowly();
  let isDone = false;
  read();
  read();
  read().then(() => {
    isDone = true;
  });
  assert.equal(begun.length, 1);
  begun[0].resolve();
  await settled();
  assert.equal(begun.length, 2);
  assert.equal(isDone, false);
  begun[1].resolve();
  await settled();
  assert.equal(begun.length, 2);
  assert.equal(isDone, true);
});

test("it reads again after one that failed", async () => {
  const { begun, read } = slowly();
  const failing = read();
  begun[0].reject(new Error("cut"));
  await assert.rejects(failing, /cut/);
  read();
  assert.equal(begun.length, 2);
});

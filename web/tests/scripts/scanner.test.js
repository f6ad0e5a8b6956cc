import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listenToScanner } from "../../src/web/counter/scripts/scanner.js";
import { isNumberScan } from "../../src/web/counter/scripts/serial-text.js";
import { press, show } from "./page.js";

const UNIT = "PHBQ74K2M910XTD";
const ENDS = {
  Enter: [["Enter", {}]],
  Tab: [["Tab", {}]],
  LF: [["j", { ctrlKey: true }]],
  CRLF: [
    ["Enter", {}],
    ["j", { ctrlKey: true }],
  ],
};

let field;
let scans;
let reached; // keys that the page's own listeners were given
let now = 0;

beforeEach(() => {
  field = show('<input id="field"><input id="product">').getElementById("field");
  scans = [];
  reached = [];
  listenToScanner({
    ours: isNumberScan,
    onScan: (text) => scans.push(text),
    deaf: (element) => element.id === "product",
    holds: (element) => element.id === "product",
  });
  document.addEventListener("keydown", (event) => reached.push(event.key));
  field.focus();
});

/** One key of a scan. */
function strike(key, more) {
  now += 5;
  return press(field, key, { at: now, ...more });
}

/** Keys so many milliseconds apart, each typed where the focus is unless somebody stopped it. */
function keys(text, { pace = 5, end = "" } = {}) {
  now += 1_000;
  const events = [];
  const type = (key, more) => {
    now += pace;
    const target = document.activeElement;
    const event = press(target, key, { at: now, ...more });
    if (!event.defaultPrevented && key.length === 1 && !more?.ctrlKey) target.value += key;
    events.push(event);
  };
  for (const character of text) type(character);
  for (const [key, more] of ENDS[end] ?? []) type(key, more);
  return events;
}

for (const end of Object.keys(ENDS)) {
  test(`a scan that ends with ${end} is handed over, and the field is as it was`, () => {
    field.value = "zz";
    const last = keys(UNIT, { end }).slice(UNIT.length);
    assert.deepEqual(scans, [UNIT]);
    assert.equal(field.value, "zz");
    assert.ok(last.every((event) => event.defaultPrevented));
    assert.ok(!reached.includes("Enter") && !reached.includes("Tab"));
  });
}

for (const [what, pace] of [
  ["a person", 60],
  ["the fastest typist", 45],
]) {
  test(`${what} who types fifteen letters is no scanner`, () => {
    keys("abcdefghijklmno", { pace, end: "Enter" });
    assert.deepEqual(scans, []);
    assert.equal(field.value, "abcdefghijklmno");
    assert.equal(reached.at(-1), "Enter");
  });
}

test("what is none of ours stays where it was typed", () => {
  keys("A-1234", { end: "Enter" });
  assert.deepEqual(scans, []);
  assert.equal(field.value, "A-1234");
  assert.equal(reached.at(-1), "Enter");
});

test("a box that is deaf keeps its scans, and Tab and a line feed are as good as Enter there", () => {
  const product = document.getElementById("product");
  for (const end of ["Tab", "LF"]) {
    product.value = "";
    product.focus();
    const [last] = keys("B0ABCDEFGHIJKLM", { end }).slice(15);
    assert.equal(product.value, "B0ABCDEFGHIJKLM");
    assert.ok(last.defaultPrevented);
    assert.equal(reached.at(-1), "Enter");
  }
  assert.deepEqual(scans, []);
});

test("a pause parts what was pressed before from the scan", () => {
  keys("zz");
  keys(UNIT, { end: "Enter" });
  assert.deepEqual(scans, [UNIT]);
  assert.equal(field.value, "zz");
});

test("shift does not interrupt a scan, and a control sign within it is no shortcut", () => {
  now += 1_000;
  for (const character of "PHBQ7") strike(character);
  strike("Shift");
  const control = strike("p", { ctrlKey: true });
  assert.ok(control.defaultPrevented);
});

test("keys that are held or composed are nobody's scan", () => {
  now += 1_000;
  for (const character of UNIT) strike(character, { repeat: true });
  strike("Enter");
  assert.deepEqual(scans, []);
});

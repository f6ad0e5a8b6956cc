import assert from "node:assert/strict";
import { test } from "node:test";
import { isNumberScan, isWhole, tidied } from "../../src/web/counter/scripts/serial-text.js";

const UNIT = "PHBQ74K2M910XTD";

const TIDIED = {
  phbq74k2m91: "PHBQ74K2M91",
  [` ${UNIT.toLowerCase()}\t`]: UNIT,
  "PHBQ7-4K2M9-10XTD": UNIT,
  "PHBQ7 4K2M9 10XTD": UNIT,
  "PHBQ7\u00a04K2M9\u202f10XTD": UNIT,
  "PHBQ7.4K2M9.10XTD": UNIT,
  "PHBQ7\u20114K2M9\u201310XTD": UNIT,
  "PHBQ7/4K2M9_10XTD": "PHBQ7/4K2M9_10XTD",
  "PHBQ74\u200b": "PHBQ74\u200b",
  "é ß ı ２ 😀": "éßı２😀",
};
test("what parts its groups is taken out, and nothing else", () => {
  for (const [typed, expected] of Object.entries(TIDIED)) assert.equal(tidied(typed), expected);
});

const SCANS = {
  [UNIT]: true,
  "àhbq74-2m910xtd": true,
  [`]C1${UNIT}`]: true,
  [`$c&${UNIT}`]: true,
  [UNIT.slice(0, 14)]: false,
  [`${UNIT}X`]: false,
  [`]C1${UNIT}X`]: false,
  [`XC1${UNIT}`]: false,
};
test("a scan of a serial number is recognised by its length", () => {
  for (const [scanned, expected] of Object.entries(SCANS))
    assert.equal(isNumberScan(scanned), expected, scanned);
});

const TYPED = {
  [UNIT]: true,
  [UNIT.slice(0, 14)]: false,
  [`]C1${UNIT.slice(0, 12)}`]: false, // as many signs, and not the end
  [`]C1${UNIT}`]: true,
  [`$c&${UNIT.slice(0, 12)}`]: false,
};
test("a number is not whole before its end, whatever the scanner puts before it", () => {
  for (const [typed, expected] of Object.entries(TYPED))
    assert.equal(isWhole(typed), expected, typed);
});

// The text of a serial number as it is typed: what is taken out of it, and when it is whole.
// The rule itself is the server's.

import { SERIAL_NUMBER_LENGTH } from "../../shared/scripts/generated/limits.js";

// What Python's str.isspace calls blank, hyphens and dashes of every width, the full stop.
const BLANKS =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const DASHES = "\\-\\xad\\u2010-\\u2015\\u2212\\ufe58\\ufe63\\uff0d";
const SEPARATORS = new RegExp(`[${BLANKS}${DASHES}.]+`, "gu");

export const raised = (text) => text.replace(/[a-z]/g, (small) => small.toUpperCase());

/** Labels print a number in groups: what parts them goes, and small letters are raised. */
export const tidied = (text) => raised(text.replace(SEPARATORS, ""));

export const lengthOf = (text) => [...text].length;

/** The symbology identifier that some scanners put before what they read. */
const PREFIX = /^[\]$£][A-Za-z]./su;

/** Behind the prefix: a number that is still being typed is not asked about. */
export const isWhole = (text) =>
  lengthOf(tidied(text).replace(PREFIX, "")) === SERIAL_NUMBER_LENGTH;

export const isNumberScan = (text) =>
  [text, text.replace(PREFIX, "")].some((each) => lengthOf(each) === SERIAL_NUMBER_LENGTH);

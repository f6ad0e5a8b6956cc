"""Write the folding rule of searches as a module that scripts import."""

import json
import re

from chassis.text.folding import ACCENTS, APART, BLANKS, LETTERS, SEPARATORS, UNSEEN
from local.launcher.settings import ROOT

MODULE = ROOT / "web/src/web/shared/scripts/generated/folding.js"
HEAD = "// Written by ./guichet contracts: the rule of chassis.text.folding.\n"


def module() -> str:
    blanks, separators = characters(BLANKS), characters(SEPARATORS)
    return f"""{HEAD}
const APART = {table(APART)};
const LETTERS = {table(LETTERS)};
const GONE = /[{characters(UNSEEN + ACCENTS)}]/gu;
const BETWEEN_WORDS = /[{separators}]*[{blanks}][{separators}{blanks}]*/gu;
const INSIDE_WORDS = /[{separators}]+/gu;

/**
 * Lower case, without accents and invisible characters; a blank between words, « - » inside them.
 *
 * @param {{string}} text
 */
export function fold(text) {{
  const apart = replaced(text, APART).normalize("NFKD").replace(GONE, "");
  return replaced(apart.toLowerCase(), LETTERS)
    .replace(BETWEEN_WORDS, " ")
    .replace(INSIDE_WORDS, "-")
    .replace(/^[ -]+|[ -]+$/g, "");
}}

/**
 * @param {{string}} text
 * @param {{Record<string, string>}} table
 */
const replaced = (text, table) => Array.from(text, (each) => table[each] ?? each).join("");
"""


def table(entries: dict[str, str]) -> str:
    return json.dumps(entries, ensure_ascii=True)


def characters(members: str) -> str:
    """A class of Python's `re` as one of JavaScript with the flag `u`."""
    members = re.sub(r"\\U([0-9a-f]{8})", lambda code: rf"\u{{{code[1].lstrip('0')}}}", members)
    return members.replace(r"\"", '"').replace("/", r"\/")


def write() -> None:
    MODULE.write_text(module(), encoding="utf-8")

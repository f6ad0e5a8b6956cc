// Sentences of the counter that depend on what is typed.

import { PASSWORD_SHORTEST } from "../../shared/scripts/generated/limits.js";
import { count, locale, say } from "../../shared/scripts/say.js";

export function passwordLength(length) {
  const shortest = PASSWORD_SHORTEST;
  if (length === 0) return say("password_rule", { shortest });
  const characters = count("characters", length);
  if (length < shortest) return say("characters_left", { characters, left: shortest - length });
  return say("password_long_enough", { characters, shortest });
}

/** What a sale still lacks. */
export function missingOf(names) {
  const parts = names.map((name) => say(`missing_${name}`));
  const list = new Intl.ListFormat(locale(), { type: "conjunction" });
  return say("missing", { what: list.format(parts) });
}

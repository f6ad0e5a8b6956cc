// What scripts say, in the page's language: the sentences of web/shared/words/scripts.py.

/** @param {string} text @param {Record<string, string | number>} values */
const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));

/** The page's language as this reader writes it: in Britain the days of Britain, and no comma too many. */
export const locale = () =>
  globalThis.navigator?.languages?.find((each) => each.startsWith(GUICHET.language)) ??
  GUICHET.language;

/** @param {string} name @param {Record<string, string | number>} values */
export function say(name, values = {}) {
  return fill(/** @type {string} */ (GUICHET.sentences[name]), values);
}

/**
 * A sentence that a number decides; `%(num)s` in it is the number.
 *
 * @param {string} name @param {number} number @param {Record<string, string | number>} values
 */
export function count(name, number, values = {}) {
  const forms = GUICHET.sentences[name];
  const form = forms[new Intl.PluralRules(GUICHET.language).select(number)] ?? forms.other;
  return fill(form, { num: number, ...values });
}

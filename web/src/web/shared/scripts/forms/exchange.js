// Ask the web something: every answer is JSON, whose pieces of HTML are ready to be shown.

import { say } from "../say.js";
import { ask, isAbort } from "../session.js";
import { ShownError } from "./failure.js";

/** The HTML of an error beside its field, for words of ours. */
export const errorPiece = (words, link = "") =>
  `<p class="field__error"><svg class="icon icon--s" aria-hidden="true"><use href="#i-alert"/></svg><span>${words}${link}</span></p>`;

/** No answer of use came; `html` says so beside whatever asked. */
export class Failure extends ShownError {
  /** @param {"cut" | "closed" | "signed_out" | "not_possible"} why */
  constructor(why, link = "") {
    const sentence = say(`${why}_entry_kept`);
    super(sentence, errorPiece(sentence, link));
    this.isPassing = why === "cut" || why === "closed"; // the same may work in a moment
  }
}

/** Over the page; the same address goes on with what this tab or the server kept. */
const comeBack = () =>
  ` <a href="${location.pathname}${location.search.replaceAll('"', "%22")}" data-sign-in-again>${say("sign_in_again")}</a>`;

/**
 * @param {string} url
 * @param {Fields} values
 * @param {object} how
 * @param {AbortSignal} [how.signal]
 * @param {boolean} [how.keepalive] whether it goes on although the page is left
 * @param {boolean} [how.asks] whether somebody waits for this: then an ended session asks to sign
 *   in at once
 * @returns the answer's JSON; a refusal is an answer too, with `fields`
 */
export async function send(url, values, { signal, asks = false, keepalive = false } = {}) {
  const body = new URLSearchParams(values);
  body.set("form_token", document.querySelector('[name="form_token"]').value);
  let response;
  try {
    const headers = { Accept: "application/json" };
    const options = { method: "POST", body, signal, keepalive, headers };
    response = await ask(url, options, { quietly: !asks });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw isAbort(error) ? new Failure("signed_out", comeBack()) : new Failure("cut");
  }
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  if (isJson) return response.json();
  if (response.status === 401) throw new Failure("signed_out", comeBack());
  throw new Failure(response.status >= 500 ? "closed" : "not_possible");
}

const shown = new WeakMap();

/**
 * Put what the server says about each field beside it, and nothing beside the others.
 * What stays the same stays in place: a button offered there may just have got the focus.
 */
export function explain(root, fields) {
  for (const place of root.querySelectorAll("[data-explains]")) {
    const html = fields[place.dataset.explains] ?? "";
    if (shown.get(place) !== html) place.innerHTML = html;
    shown.set(place, html);
    const input = root.querySelector(`[name="${place.dataset.explains}"]`);
    if (!input || input.type === "hidden") continue;
    if (place.querySelector(".field__error")) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

export function focusFirstError(root) {
  root.querySelector('[aria-invalid="true"]')?.focus();
}

/** A random UUID names one attempt; crypto.randomUUID wants a secure page, this does not. */
export function attemptKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// A session that ends while a page is open: sign in over the page, and what was begun goes on.
//
// Every request of a module goes through `ask`, which says whose page it is. The server answers
// 401 with `Guichet-Session: ended` when that person is not signed in any more.

import { say } from "./say.js";

const reader = document.body.dataset.reader;

const LONGEST = 10_000; // milliseconds for an answer that nobody waits for

let signingIn; // while the dialog is open
let isLeaving = false; // somebody else signed in

/** Nobody signed in: nothing is sent, and whatever was typed stays. */
const abandoned = () => new DOMException("Nobody signed in.", "AbortError");

/**
 * Whether nobody signed in, or whoever asked wants no answer any more.
 *
 * @param {unknown} error
 */
export const isAbort = (error) => error instanceof Error && error.name === "AbortError";

const withReader = (options) => ({
  ...options,
  headers: { ...options.headers, "X-Guichet-Person": reader },
});

const hasEnded = (response) =>
  response.status === 401 && response.headers.get("Guichet-Session") === "ended";

/**
 * As fetch, for the person whose page this is. Where the session has ended it asks to sign in
 * over the page and then once more; `quietly` only mentions it, for what nobody waits for.
 * `waits` is called before somebody is asked to sign in.
 *
 * @param {string} url
 * @param {Omit<RequestInit, "body"> & { body?: URLSearchParams }} options
 * @param {{ quietly?: boolean, waits?: () => void }} how
 */
export async function ask(url, options = {}, { quietly = false, waits } = {}) {
  const response = await fetch(url, withReader(options));
  if (!hasEnded(response)) return response;
  if (quietly && !(await isBack())) {
    mention();
    return response;
  }
  waits?.();
  if (!quietly) await signIn();
  if (options.body?.has?.("form_token")) options.body.set("form_token", token());
  return fetch(url, withReader(options));
}

/**
 * Post to a page of ours; null where no answer came, undefined where nobody signed in.
 *
 * @param {string} address
 * @param {Fields} fields
 * @param {{ quietly?: boolean }} how
 */
export async function post(address, fields, how = {}) {
  const body = new URLSearchParams(fields);
  body.set("form_token", token());
  /** @type {Omit<RequestInit, "body"> & { body: URLSearchParams }} */
  const options = { method: "POST", body, redirect: "manual" };
  options.keepalive = body.toString().length < 50_000; // of a page that goes browsers take no more
  if (how.quietly) options.signal = AbortSignal.timeout(LONGEST);
  try {
    return await ask(address, options, how);
  } catch (failure) {
    if (!isAbort(failure)) return null;
    mention();
    return undefined;
  }
}

/** Before a form leaves: its person is signed in, or signs in now. */
export async function sure() {
  if (!(await isBack())) await signIn();
}

/** Resolved once the person of this page is signed in again; rejected when they are not. */
export function signIn() {
  signingIn ??= again().finally(() => (signingIn = undefined));
  return signingIn;
}

async function again() {
  if (await isBack()) return;
  const answer = await fetch("/connexion", withReader({}));
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "sign-in-title");
  fill(dialog, await answer.text());
  document.body.append(dialog);
  dialog.addEventListener("submit", (event) => send(event, dialog));
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  const signedIn = dialog.returnValue === "signed in";
  dialog.remove();
  if (!signedIn) throw abandoned();
}

function fill(dialog, html) {
  dialog.innerHTML = html;
  dialog.querySelector("[data-reveal]").hidden = false;
}

async function send(event, dialog) {
  event.preventDefault();
  const button = event.submitter;
  button?.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(event.target));
  try {
    const answer = await fetch("/connexion", withReader({ method: "POST", body }));
    if (answer.ok) {
      if (take(await answer.json())) dialog.close("signed in");
      return;
    }
    fill(dialog, await answer.text());
    dialog.querySelector("[autofocus]")?.focus();
  } catch {
    const place = dialog.querySelector("h2 + p");
    place.setAttribute("role", "alert");
    place.textContent = say("cut_text_kept");
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

/** Whether the person of this page is signed in, perhaps again, in another tab. */
async function isBack() {
  const answer = await fetch("/session");
  if (!answer.ok) return true; // the server itself will say what is wrong
  const back = take(await answer.json());
  return isLeaving ? new Promise(() => {}) : back;
}

/** Forms of this page are sent in the session of now; another person's page is left at once. */
function take(known) {
  if (known.person === null) return false;
  if (known.person !== reader) {
    isLeaving = true;
    sessionStorage.clear();
    document.body.hidden = true;
    location.replace("/");
    return false;
  }
  if (known.form_token === token()) return true;
  for (const field of document.querySelectorAll('[name="form_token"]'))
    field.value = known.form_token;
  document.getElementById("connection").hidden = true;
  dispatchEvent(new Event("signed-in")); // drafts are saved and the event stream is opened again
  return true;
}

const token = () => document.querySelector('[name="form_token"]').value;

/** Said once, in a place where it moves nothing: whoever is typing is not interrupted. */
export function mention() {
  const notice = document.getElementById("connection");
  notice.querySelector("span").textContent = say("session_ended_text_kept");
  notice.querySelector("a").hidden = false;
  notice.hidden = false;
}

/** Show what went wrong in this place until something else replaces it. @returns the line, for a button */
export function warn(place, ...words) {
  const line = document.createElement("div");
  line.className = "flash flash--danger";
  line.setAttribute("role", "alert");
  line.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-alert"/></svg><span></span>';
  line.querySelector("span").append(...words);
  place.replaceChildren(line);
  return line;
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-sign-in-again]")) return;
  event.preventDefault();
  signIn().catch(() => {});
});

// htmx asks as everything else does; its own time-out does not run while somebody signs in.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const waits = () => clearTimeout(ctx.requestTimeout);
  ctx.fetch = (url, options) =>
    ask(url, options, { waits }).catch((failure) => {
      if (isAbort(failure) && !options.signal.aborted) mention();
      throw failure;
    });
});

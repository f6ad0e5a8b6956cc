// The composer: reply or note, quick replies, the time spent, and its keys.

import "../../shared/scripts/forms/autosave.js";
import { fold } from "../../shared/scripts/generated/folding.js";
import { ask } from "../../shared/scripts/session.js";

const composer = () => document.querySelector("[data-composer]");

// --- Reply or note ----------------------------------------------------------------------------

function label() {
  const form = composer();
  if (!form) return;
  const text = form.elements.text;
  const isNote = form.elements.kind.value === "note";
  text.setAttribute("aria-label", isNote ? text.dataset.labelNote : text.dataset.labelReply);
  text.dataset.placeholder ??= text.placeholder;
  text.placeholder = isNote ? text.dataset.placeholderNote : text.dataset.placeholder;
}
document.addEventListener("change", (event) => event.target.name === "kind" && label());

// --- Keys -------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("[data-composer]");
  if (!form || event.isComposing || form.querySelector("dialog[open]")) return;
  const isControl = event.ctrlKey || event.metaKey;
  if (isControl && event.key === "Enter") {
    event.preventDefault();
    const isNote = form.elements.kind.value === "note";
    const value = isNote ? "note" : event.shiftKey ? "resolve" : "send";
    form.querySelector(`.composer [name=answer][value=${value}]`).click();
  } else if (isControl && event.key === ";") {
    event.preventDefault();
    form.querySelector("[data-quick]").click();
  }
});

// --- Quick replies ----------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-quick]");
  const list = document.getElementById("quick");
  if (opener) return list.hidden ? openQuick(opener, list) : closeQuick(opener);
  if (!list || list.hidden) return;
  const option = event.target.closest("#quick [role=option]");
  if (option) insert(option);
  else if (!list.contains(event.target)) closeQuick(null);
});

async function openQuick(opener, list) {
  const answer = await ask(opener.dataset.quick).catch(() => null);
  if (!answer?.ok) return;
  list.innerHTML = await answer.text();
  list.hidden = false;
  opener.setAttribute("aria-expanded", "true");
  const box = list.querySelector("input");
  box.addEventListener("input", () => filter(list, box));
  box.addEventListener("keydown", (event) => move(event, list, box));
  filter(list, box);
  box.focus();
}

function closeQuick(focused) {
  document.getElementById("quick").hidden = true;
  document.querySelector("[data-quick]").setAttribute("aria-expanded", "false");
  focused?.focus();
}

const shown = (list) => [...list.querySelectorAll("[role=option]:not([hidden])")];

/** Separators inside a word never decide, as in all searches. */
const joined = (text) => fold(text).replaceAll("-", "");

function filter(list, box) {
  const wanted = joined(box.value).split(" ");
  for (const option of list.querySelectorAll("[role=option]")) {
    const text = joined(option.textContent);
    option.hidden = !wanted.every((word) => text.includes(word));
  }
  const none = list.querySelector(".quick__none[hidden], .quick__none");
  if (none && list.querySelector("[role=listbox]")) none.hidden = shown(list).length > 0;
  choose(list, box, shown(list)[0]);
}

function choose(list, box, option) {
  for (const each of list.querySelectorAll("[role=option]"))
    each.setAttribute("aria-selected", String(each === option));
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function move(event, list, box) {
  const options = shown(list);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") choose(list, box, options[Math.min(at + 1, options.length - 1)]);
  else if (event.key === "ArrowUp") choose(list, box, options[Math.max(at - 1, 0)]);
  else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey)
    options[at] && insert(options[at]);
  else if (event.key === "Escape") closeQuick(document.getElementById("text"));
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// The text with this request's own values, to be read and changed before it is sent.
function insert(option) {
  const text = document.getElementById("text");
  closeQuick(text);
  const before = text.value.slice(0, text.selectionStart);
  const blank = before && !/\s$/.test(before) ? "\n\n" : "";
  text.setRangeText(blank + option.dataset.text, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

// --- Time spent -------------------------------------------------------------------------------

const IDLE = 2 * 60_000;
const TICK = 1_000;
let lastSign = Date.now();
let lastTick = Date.now();

for (const name of ["keydown", "pointermove", "pointerdown", "scroll"]) {
  addEventListener(name, () => (lastSign = Date.now()), { passive: true, capture: true });
}

const key = (field, what) => `guichet-${what}/${field.dataset.clock}`;
const stored = (field, what) => Number(sessionStorage.getItem(key(field, what)) ?? 0);

// What was spent so far: in this tab, or as the draft says that came from elsewhere.
function beginClock(field) {
  if (field.dataset.begun) return;
  field.dataset.begun = "yes";
  const minutes = Number(field.value);
  if (field.value && minutes * 60 > stored(field, "seconds"))
    sessionStorage.setItem(key(field, "seconds"), String(minutes * 60));
}

function tick() {
  const now = Date.now();
  const passed = Math.min(now - lastTick, 2 * TICK); // a machine that slept did not work
  lastTick = now;
  const field = composer()?.elements.minutes;
  if (!field || document.hidden || now - lastSign > IDLE) return;
  beginClock(field);
  const seconds = stored(field, "seconds") + passed / 1_000;
  sessionStorage.setItem(key(field, "seconds"), String(seconds));
  if (!sessionStorage.getItem(key(field, "by-hand")))
    field.value = String(Math.max(1, Math.ceil(seconds / 60)));
}
setInterval(tick, TICK);

document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.dataset?.clock) return;
  if (field.value.trim()) sessionStorage.setItem(key(field, "by-hand"), "yes");
  else sessionStorage.removeItem(key(field, "by-hand"));
});

// --- At the beginning, and whenever the exchange is shown anew ----------------------------------

function ready() {
  const form = composer();
  if (document.querySelector("[data-done]")) forget();
  if (!form) return;
  form.querySelector("[data-quick]").hidden = false;
  label();
  beginClock(form.elements.minutes);
  if (!form.elements.minutes.value) tick();
}

// What was sent took its time with it.
function forget() {
  const field = composer()?.elements.minutes;
  for (const what of ["seconds", "by-hand"]) if (field) sessionStorage.removeItem(key(field, what));
}

ready();
document.addEventListener("shown", ready);

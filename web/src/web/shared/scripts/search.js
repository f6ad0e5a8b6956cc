// The one search box: Ctrl K opens it over any page, arrows and Enter go through what is found.

import { combobox } from "./combobox.js";
import { ShownError } from "./forms/failure.js";
import { say } from "./say.js";
import { ask, isAbort } from "./session.js";

const dialog = document.getElementById("search");
/** @type {HTMLFormElement | undefined} */
const form = dialog?.querySelector("form");
const opener = document.querySelector("[data-search]");

async function search(_text, signal) {
  const body = new URLSearchParams(new FormData(form));
  const answer = await ask("/recherche", { method: "POST", body, signal }).catch((failure) => {
    throw isAbort(failure) ? failure : refusal(say("cut_retry"));
  });
  if (answer.status === 413) throw refusal(say("search_too_long"));
  if (!answer.headers.get("Content-Type")?.startsWith("application/json"))
    throw refusal(say("closed_retry"));
  return answer.json();
}

const refusal = (words) => new ShownError(words, `<span>${words}</span>`);

// The last row of many leads to a page of all; like every search it is in no address. What was
// typed stays with this page's place in the history, so that Back opens the box with it again.
function choose(option) {
  const { reader } = document.body.dataset;
  history.replaceState({ ...history.state, search: { reader, text: box.input.value } }, "");
  if (option.dataset.href) location.assign(option.dataset.href);
  else form.requestSubmit();
}

function forget() {
  history.replaceState({ ...history.state, search: undefined }, "");
}

function openAgain() {
  const [arrival] = performance.getEntriesByType("navigation");
  const { reader, text } = history.state?.search ?? {};
  if (!text) return;
  if (arrival?.type !== "back_forward" || reader !== document.body.dataset.reader) {
    forget();
    return;
  }
  open();
  box.start(text);
}

function open() {
  // Not over another question, and not while a customer has the keyboard.
  if (document.querySelector("dialog[open]")) return;
  dialog.showModal();
  box.input.select();
}

let box;
if (dialog) {
  box = combobox(form, { search, choose });
  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (
      (event.ctrlKey || event.metaKey) &&
      !event.altKey &&
      !event.shiftKey &&
      event.key.toLowerCase() === "k"
    ) {
      event.preventDefault();
      open();
    }
  });
  // A press beside it closes it.
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", forget);
  openAgain();
  if (/Mac|iPhone|iPad/.test(navigator.platform)) opener.querySelector("kbd").textContent = "⌘ K";
}

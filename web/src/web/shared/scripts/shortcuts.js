// Single-letter shortcuts: only where the person switched them on, and never while typing.

import { say } from "./say.js";

const LABELS = {
  j: "next_request",
  k: "previous_request",
  r: "reply",
  n: "internal_note",
  e: "resolve",
  "/": "search",
  "?": "this_list",
};

const TYPING = "input, textarea, select, [contenteditable], dialog[open]";

export function onShortcuts(acts) {
  if (!document.body.hasAttribute("data-shortcuts")) return;
  const all = { ...acts, "?": () => explain(Object.keys(acts)) };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    const act = all[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function explain(keys) {
  /** @type {HTMLDialogElement} */
  let dialog = document.getElementById("shortcuts");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "shortcuts";
    dialog.className = "dialog";
    dialog.setAttribute("aria-labelledby", "shortcuts-title");
    const rows = [...keys, "?"]
      .map((key) => `<div><dt><kbd>${key}</kbd></dt><dd>${say(LABELS[key])}</dd></div>`)
      .join("");
    dialog.innerHTML = `<div class="dialog__body"><h2 id="shortcuts-title">${say("shortcuts")}</h2><dl class="shortcuts">${rows}</dl></div><div class="dialog__foot"><button class="btn" type="button" data-closes autofocus>${say("close")}</button></div>`;
    document.body.append(dialog);
  }
  dialog.showModal();
}

// The cards of the counter: what was chosen, the ticket beside it, and the keys that open one.

import { showUnbroken } from "../../shared/scripts/unbroken.js";

/** Write { title, sub, code } into the card of what was chosen. */
export function fill(step, texts) {
  for (const [name, text] of Object.entries(texts))
    showUnbroken(step.querySelector(`[data-${name}]`), text);
}

/** Write a line of the ticket, or what stands there while it is empty. */
export function row(name, text) {
  const line = document.querySelector(`[data-row="${name}"]`);
  const value = line.querySelector("dd");
  line.classList.toggle("is-empty", !text);
  value.textContent = text || value.dataset.empty;
}

/** Not AltGr, which is Ctrl+Alt to some; nor the ñ that a Mac begins with Option+N. */
export const isAltN = (event) =>
  event.altKey &&
  event.code === "KeyN" &&
  event.key !== "Dead" &&
  !event.ctrlKey &&
  !event.getModifierState("AltGraph");

// The desk: what each part of it does by itself, and its keys.

import "./composer.js";
import "./drawer.js";
import "./live.js";
import "./opening.js";
import "./queue.js";
import { readAgain } from "../../shared/scripts/live.js";
import { say } from "../../shared/scripts/say.js";
import { onShortcuts } from "../../shared/scripts/shortcuts.js";
import "../../shared/scripts/forms/send.js";

const mac = /Mac|iPhone|iPad/.test(navigator.platform);
function ready() {
  const exchange = document.querySelector(".desk__scroll");
  // On a phone the whole page scrolls; there the beginning is a better place to start.
  if (exchange && exchange.scrollHeight > exchange.clientHeight)
    exchange.scrollTop = exchange.scrollHeight;
  if (mac)
    for (const key of document.querySelectorAll(".keys kbd"))
      key.textContent = key.textContent.replace("Ctrl", "⌘");
  for (const button of document.querySelectorAll("[data-copy]"))
    button.hidden = !navigator.clipboard;
}
ready();
document.addEventListener("opened", ready);

// After sending one stays, with the next request one key away.
document.querySelector("[data-next]")?.focus({ preventScroll: true });

// --- Copying ----------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  await navigator.clipboard.writeText(copy.dataset.copy);
  copy.querySelector("use").setAttribute("href", "#i-check");
  copy.setAttribute("aria-label", say("serial_number_copied"));
});

// --- Earlier messages -------------------------------------------------------------------------

// They come above what is being read, which stays where it is.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-earlier]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  const found = (await readAgain(link.href))?.querySelector("#messages");
  if (!found) return location.assign(link.href);
  const scroller = scrollerOf(link);
  const below = scroller.scrollHeight - scroller.scrollTop;
  const earlier = [...found.children].filter(
    (part) => part.matches(".msg, .event") || part.querySelector("[data-earlier]"),
  );
  link.closest(".more").replaceWith(...earlier);
  scroller.scrollTop = scroller.scrollHeight - below;
  document.querySelector("#messages .msg")?.setAttribute("tabindex", "-1");
  document.querySelector("#messages .msg")?.focus({ preventScroll: true });
});

function scrollerOf(part) {
  const own = part.closest(".desk__scroll");
  return own.scrollHeight > own.clientHeight ? own : document.scrollingElement;
}

// --- Menus that open over the page ------------------------------------------------------------

document.addEventListener("click", (event) => {
  for (const pop of document.querySelectorAll("[data-pop][open]"))
    if (!pop.contains(event.target)) pop.open = false;
});
document.addEventListener("keydown", (event) => {
  const pop =
    event.key === "Escape" && !event.defaultPrevented && event.target.closest?.("[data-pop][open]");
  if (!pop) return;
  pop.open = false;
  pop.querySelector("summary").focus();
});

// --- Single letters, for those who asked for them in « Mon compte » ---------------------------

onShortcuts({
  j: () => neighbour(1),
  k: () => neighbour(-1),
  r: () => write("reply"),
  n: () => write("note"),
  e: () => document.querySelector(".desk__head [data-opens=resolve]")?.click(),
  "/": () => document.querySelector("[data-search]")?.click(),
});

function neighbour(step) {
  const items = [...document.querySelectorAll("[data-queue] .qitem")];
  const at = items.findIndex((item) => item.hasAttribute("aria-current"));
  (items[at + step] ?? (at < 0 ? items[0] : null))?.click();
}

function write(kind) {
  const choice = document.querySelector(`[data-composer] [name=kind][value=${kind}]`);
  if (!choice) return;
  choice.click();
  document.getElementById("text").focus();
}

// Every hour is the shop's. Where the browser's clock shows another, each says whose it is.

import { locale, say } from "./say.js";

const { zone } = document.documentElement.dataset;
const place = zone.split("/").at(-1).replaceAll("_", " ");
const HOUR = /\d(?:\u00a0h\u00a0|:)\d\d/; // as French or other languages write it

/** @type {Intl.DateTimeFormatOptions} */
const STYLE = { dateStyle: "short", timeStyle: "short" };
const here = new Intl.DateTimeFormat(locale(), STYLE);
const there = new Intl.DateTimeFormat(locale(), { ...STYLE, timeZone: zone });

function name(time) {
  const moment = new Date(time.dateTime);
  if (time.title || !HOUR.test(time.textContent) || here.format(moment) === there.format(moment))
    return;
  time.append(` (${place})`);
  time.title = say("time_of_shop", { place, yours: here.format(moment) });
}

function nameAll(root) {
  for (const time of root.querySelectorAll("time[datetime]")) name(time);
}

if (here.resolvedOptions().timeZone !== zone) {
  nameAll(document);
  // What comes later: live news, older messages, results of a search.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const added of addedNodes)
        if (added.nodeType === Node.ELEMENT_NODE) nameAll(added.parentNode ?? added);
  }).observe(document.body, { childList: true, subtree: true });
  // And what is morphed, not added.
  document.addEventListener("htmx:after:swap", () => nameAll(document));
}

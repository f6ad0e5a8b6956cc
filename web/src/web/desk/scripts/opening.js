// A request that is opened from the queue comes alone: the queue stays as it is. Its address, Back
// and Reload are those of the whole page, which comes whenever anything else is in the way.

import { allSaved } from "../../shared/scripts/forms/autosave.js";
import { ask } from "../../shared/scripts/session.js";

const OPENS = "[data-queue] .qitem, [data-next]";
const GOING = "[data-sending], [data-sent]"; // a form is on its way: the page is left for its answer

const pathOf = ({ pathname, search }) => pathname + search;
let shown = pathOf(location);
let last = 0; // the newest of several that were asked for

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(OPENS);
  if (!link || event.defaultPrevented) return; // only the first button clicks
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (document.querySelector(GOING)) return;
  if (pathOf(link) === shown) return; // the page anew, with no entry of its own
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  open(new URL(link.href), () => history.pushState(null, "", link.href)).finally(() =>
    link.removeAttribute("aria-busy"),
  );
});

addEventListener("popstate", () => {
  last += 1; // what was asked for is not wanted any more
  if (pathOf(location) === shown) return; // only a part of the page was named
  const isOfThisQueue = new URL(shown, location.href).search === location.search;
  const isOpenedAlone = isOfThisQueue && /^\/demandes\/\d+$/.test(location.pathname);
  if (isOpenedAlone && !document.querySelector(GOING)) open(new URL(location.href));
  else location.reload();
});

// Other forms are sent by the browser.
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) event.target.dataset.sent = "yes";
});

const lineOf = (number) => document.querySelector(`[data-queue] [data-number="${number}"] .qitem`);

async function open(address, arrive) {
  const mine = ++last; // no `arrive` where the address is there already, by Back
  const since = performance.now();
  const part = await read(address);
  if (mine !== last) return;
  const isSent = document.querySelector(GOING); // since it was asked for
  if (isSent && arrive) return; // its answer is shown here
  if (isSent || !part) return location.assign(address);
  dispatchEvent(new Event("leaving")); // drafts are saved while their form is still here
  arrive?.();
  shown = pathOf(address);
  show(part, address.pathname.split("/").at(-1));
  document.dispatchEvent(new CustomEvent("opened", { detail: { since, title: part.title } }));
  document.dispatchEvent(new Event("shown"));
}

async function read(address) {
  await allSaved(); // one of them may be its own draft
  const alone = `${address.pathname}/ouverte${address.search}`;
  const html = await ask(alone, { redirect: "manual" })
    .then((answer) => (answer.ok ? answer.text() : ""))
    .catch(() => "");
  const part = new DOMParser().parseFromString(html, "text/html");
  const script = part.getElementById("opened")?.dataset.script;
  // Of another version of Guichet than this page and its scripts: then the whole page.
  return [...document.scripts].some((each) => each.getAttribute("src") === script) ? part : null;
}

function show(part, number) {
  const desk = document.getElementById("desk");
  const queue = document.getElementById("queue");
  const fresh = part.getElementById("opened");
  desk.replaceChildren(queue, ...fresh.children);
  desk.dataset.view = "demande";
  // The list is read again from where it begins, wherever in it the line stood.
  const again = new URL(queue.dataset.again, location.href);
  again.searchParams.set("ouverte", number);
  queue.dataset.again = pathOf(again);
  queue.dataset.newest = fresh.dataset.newest;
  queue.querySelector(".qitem[aria-current]")?.removeAttribute("aria-current");
  const line = lineOf(number);
  line?.setAttribute("aria-current", "true");
  line?.classList.remove("is-unread");
  scrollTo(0, 0);
  const subject = document.getElementById("subject");
  subject.tabIndex = -1;
  subject.focus({ preventScroll: true });
}

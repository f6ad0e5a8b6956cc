// A request that is opened from the queue comes alone: the queue stays as it is. Its address, Back
// and Reload are those of the whole page, which comes whenever anything else is in the way.

import { ask } from "../../shared/scripts/session.js";

const OPENS = "[data-queue] .qitem, [data-next]";

let shown = location.pathname + location.search;
let last = 0; // the newest of several that were asked for

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(OPENS);
  if (!link || event.defaultPrevented) return; // only the first button clicks
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (document.querySelector("[data-sending]")) return; // its page is left when it is sent
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  open(new URL(link.href), () => history.pushState(null, "", link.href)).finally(() =>
    link.removeAttribute("aria-busy"),
  );
});

addEventListener("popstate", () => {
  if (location.pathname + location.search === shown) return; // only a part of the page was named
  const isOfThisQueue = new URL(shown, location.href).search === location.search;
  if (isOfThisQueue && /^\/demandes\/\d+$/.test(location.pathname))
    open(new URL(location.href), () => {});
  else location.reload();
});

const lineOf = (number) => document.querySelector(`[data-queue] [data-number="${number}"] .qitem`);

async function open(address, arrive) {
  const mine = ++last;
  const since = performance.now();
  const part = await read(address);
  if (mine !== last) return;
  if (!part) return location.assign(address);
  dispatchEvent(new Event("leaving")); // drafts are saved while their form is still here
  arrive();
  shown = address.pathname + address.search;
  show(part, address.pathname.split("/").at(-1));
  document.dispatchEvent(new CustomEvent("opened", { detail: { since, title: part.title } }));
  document.dispatchEvent(new Event("shown"));
}

async function read(address) {
  const alone = `${address.pathname}/ouverte${address.search}`;
  const answer = await ask(alone, { redirect: "manual" }).catch(() => null);
  if (!answer?.ok) return null;
  const part = new DOMParser().parseFromString(await answer.text(), "text/html");
  return part.getElementById("opened") && part;
}

function show(part, number) {
  const desk = document.getElementById("desk");
  const queue = document.getElementById("queue");
  const fresh = part.getElementById("opened");
  desk.replaceChildren(queue, ...fresh.children);
  desk.dataset.view = "demande";
  Object.assign(queue.dataset, fresh.dataset);
  queue.querySelector(".qitem[aria-current]")?.removeAttribute("aria-current");
  const line = lineOf(number);
  line?.setAttribute("aria-current", "true");
  line?.classList.remove("is-unread");
  scrollTo(0, 0);
  const subject = document.getElementById("subject");
  subject.tabIndex = -1;
  subject.focus({ preventScroll: true });
}

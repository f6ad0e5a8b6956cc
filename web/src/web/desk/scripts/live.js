// What others do meanwhile: counts and lines change where they stand, new ones are announced, and
// nothing that is being read moves.

import { PAGE_MOST } from "../../shared/scripts/generated/limits.js";
import { onNews, readAgain } from "../../shared/scripts/live.js";
import { say } from "../../shared/scripts/say.js";
import { post } from "../../shared/scripts/session.js";
import { steady } from "../../shared/scripts/steady.js";
import { oneAtATime } from "../../shared/scripts/turns.js";

const queue = () => document.getElementById("queue");
const thread = () => document.getElementById("thread");
const reader = document.body.dataset.reader;
let changedNumbers = new Set(); // of requests that something happened to and that are not shown, as text

let mayAllHaveChanged = false; // since the queue was read

const changedAt = new Map(); // number → when something happened to it, or 0 for all of them

onNews(async ({ changes, everything }) => {
  for (const { number } of changes) {
    changedNumbers.add(String(number));
    changedAt.set(number, performance.now());
  }
  if (everything) changedAt.set(0, performance.now());
  mayAllHaveChanged ||= everything;
  const open = Number(thread()?.dataset.number);
  await Promise.all([
    readQueue(),
    thread() && (everything || changes.some(({ number }) => number === open)) && readThread(),
  ]);
});

// What happened while a request was on its way here is not in it.
document.addEventListener("opened", ({ detail: { since, title: ofPage } }) => {
  title = ofPage;
  showUnread(queue().dataset.unread);
  const changes = [0, Number(thread().dataset.number)].map((number) => changedAt.get(number) ?? 0);
  if (Math.max(...changes) > since) readThread().then(() => awaitMail());
  else awaitMail();
});

// --- The queue --------------------------------------------------------------------------------

const readQueue = oneAtATime(async () => {
  const everything = mayAllHaveChanged;
  const before = [...changedNumbers];
  const asked = new Set(before.slice(-PAGE_MOST));
  mayAllHaveChanged = false; // from here on: what happens now may not be in the answer
  changedNumbers = new Set();
  const lines = document.querySelectorAll("[data-queue] > li").length;
  const changed = [...asked].map((number) => `&numero=${number}`).join("");
  const page = await readAgain(`${queue().dataset.again}&lignes=${lines}${changed}`);
  const fresh = page?.getElementById("queue");
  const left = fresh ? takeOver(fresh, everything, asked) : asked;
  mayAllHaveChanged ||= everything && !fresh;
  changedNumbers = new Set([...before.slice(0, -PAGE_MOST), ...left, ...changedNumbers]);
});

// `asked`: the requests that had changed before it was read. Gives those that are not shown yet.
function takeOver(fresh, everything, asked) {
  document.getElementById("counts").replaceWith(fresh.querySelector("#counts"));
  queue().dataset.unread = fresh.dataset.unread;
  showUnread(fresh.dataset.unread);
  const list = queue().querySelector("[data-queue]");
  const freshLines = new Map(
    [...fresh.querySelectorAll("[data-queue] > li")].map((line) => [line.dataset.number, line]),
  );
  if (!list) {
    // Nothing was there to be read.
    if (freshLines.size) showAll(fresh);
    return [];
  }
  // What is asked for is the first page: who is not on it may still be in the queue.
  const held = new Set(fresh.dataset.held.split(" ").filter(Boolean));
  const isWhole = !fresh.querySelector("[data-more]");
  const shown = new Set();
  for (const line of /** @type {HTMLCollectionOf<HTMLElement>} */ (list.children)) {
    const { number } = line.dataset;
    shown.add(number);
    const now = freshLines.get(number);
    if (now) renew(line, now);
    else if (isWhole || (asked.has(number) && !held.has(number)))
      leave(line.querySelector(".qitem"));
  }
  const order = [...freshLines.keys()];
  const lastShown = order.findLastIndex((number) => shown.has(number)); // what comes later was there before
  const missed = everything ? order.filter((_, at) => isWhole || at < lastShown) : [];
  const added = new Set([...held, ...missed].filter((number) => !shown.has(number)));
  announce(added, fresh, freshLines);
  return added;
}

// The link stays the same element: it may hold the focus.
function renew(line, now) {
  const [old, fresh] = [line.querySelector(".qitem"), now.querySelector(".qitem")];
  if (old.className !== fresh.className) old.className = fresh.className;
  if (old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML;
}

// A request that is somewhere else now stays where it was read, and says so.
function leave(item) {
  if (item.classList.contains("is-gone")) return;
  item.classList.add("is-gone");
  const label = document.createElement("span");
  label.textContent = say("left_the_queue");
  item.querySelector(".qitem__foot").replaceChildren(label);
}

function announce(added, fresh, freshLines) {
  const place = document.getElementById("queue-news");
  if (!added.size) {
    place.replaceChildren();
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "desk__news";
  button.textContent = `${added.size} ${added.size > 1 ? "nouvelles demandes" : "nouvelle demande"}\u00a0: afficher`;
  const areOnFirstPage = [...added].every((number) => freshLines.has(number));
  button.addEventListener("click", () =>
    areOnFirstPage ? showAll(fresh) : location.assign(queue().dataset.newest),
  );
  if (place.textContent !== button.textContent) place.replaceChildren(button);
  else place.firstElementChild.replaceWith(button);
}

function showAll(fresh) {
  const list = queue().querySelector(".desk__list");
  const focused = list.contains(document.activeElement);
  list.replaceWith(fresh.querySelector(".desk__list"));
  // It was read when perhaps another request was open.
  for (const item of queue().querySelectorAll(".qitem")) {
    item.removeAttribute("aria-current");
    if (item.closest("li").dataset.number !== thread()?.dataset.number) continue;
    item.setAttribute("aria-current", "true");
    item.classList.remove("is-unread");
  }
  if (focused) queue().querySelector(".qitem")?.focus();
}

let title = document.title.replace(/^\(.*?\) /, "");

function showUnread(count) {
  document.title = count ? `(${count}) ${title}` : title;
}

// --- The exchange -----------------------------------------------------------------------------

const readThread = oneAtATime(async () => {
  const here = thread();
  if (!here) return;
  const page = await readAgain(`/demandes/${here.dataset.number}/echange${location.search}`);
  const fresh = page?.getElementById("thread");
  if (!fresh || !here.isConnected) return;
  hold(() => {
    document.getElementById("thread-state").replaceWith(fresh.querySelector("#thread-state"));
    const [priority, now] = [here.querySelector("#priority"), fresh.querySelector("#priority")];
    /** @type {HTMLDetailsElement | null} */
    const menu = priority?.closest("details");
    if (menu && now && !menu.open) menu.replaceWith(now.parentElement);
    append(here, fresh);
  });
});

// On a phone the whole page scrolls: it follows, so that what is being typed stays in its place.
function hold(change) {
  steady(document.activeElement?.closest("[data-composer]") && document.activeElement, change);
}

function append(here, fresh) {
  const last = Math.max(
    0,
    ...[...here.querySelectorAll("[data-position]")].map((message) =>
      Number(message.dataset.position),
    ),
  );
  renewFacts(here, fresh);
  const news = [...fresh.querySelectorAll("#messages > .msg")].filter(
    (message) => Number(message.dataset.position) > last,
  );
  const events = [...fresh.querySelectorAll("#messages > .event")].filter(
    (event) => !here.querySelector(`[data-event=${event.dataset.event}]`),
  );
  const place = here.querySelector("#messages");
  const parts = [...fresh.querySelectorAll("#messages > *")].filter(
    (part) => news.includes(part) || events.includes(part),
  );
  for (const part of parts) part.classList.add("is-fresh");
  place.append(...parts);
  if (news.length) awaitMail();
  const isResolved = "resolved" in fresh.dataset && !("resolved" in here.dataset);
  if (!news.length && !isResolved) return;
  const others = news.filter((message) => message.dataset.author !== reader);
  if (isResolved) {
    here.dataset.resolved = fresh.dataset.resolved;
    showNews(say("just_resolved", { name: fresh.dataset.resolved }), () => location.reload());
  } else if (others.length) {
    const message = others.at(-1);
    const what = message.matches(".msg--note") ? "just_noted" : "just_replied";
    showNews(say(what, { name: message.dataset.authorName }), () => read(others[0], message));
  }
}

// Corrected minutes and what became of a mail change where they stand. The elements stay the same:
// one may hold the focus. What is not known just now takes nothing away.
function renewFacts(here, fresh) {
  for (const message of fresh.querySelectorAll("#messages > .msg")) {
    for (const fact of [".msg__time", ".msg__mail"]) {
      const old = here.querySelector(`[data-position="${message.dataset.position}"] ${fact}`);
      const now = message.querySelector(fact);
      if (!old || !now || (old.hasChildNodes() && !now.hasChildNodes())) continue;
      if (old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
      old.toggleAttribute("data-due", now.hasAttribute("data-due"));
      if (now.ariaLabel) old.ariaLabel = now.ariaLabel;
    }
  }
}

let waiting = 0;

// A mail leaves a moment after the answer, or its server is away: looked at less and less often.
function awaitMail(pause = 2_000) {
  clearTimeout(waiting);
  if (pause > 300_000 || !thread()?.querySelector(".msg__mail[data-due]")) return;
  const mine = setTimeout(async () => {
    await readThread();
    if (waiting === mine) awaitMail(2 * pause); // else an answer came, and began it again
  }, pause);
  waiting = mine;
}

awaitMail();

function showNews(sentence, show) {
  const place = document.getElementById("news");
  if (!place) return;
  const line = document.createElement("p");
  line.className = "flash flash--info notice";
  line.innerHTML =
    '<svg class="icon" aria-hidden="true"><use href="#i-info"/></svg><span></span><button class="btn" type="button"></button>';
  line.querySelector("span").textContent = sentence;
  const button = line.querySelector("button");
  button.textContent = say("show");
  button.addEventListener("click", show);
  place.replaceChildren(line);
}

// Shown because asked for: what is sent from now on has seen it.
function read(first, last) {
  document.getElementById("news")?.replaceChildren();
  first.scrollIntoView({ block: "start" });
  first.setAttribute("tabindex", "-1");
  first.focus({ preventScroll: true });
  const seen = thread().querySelector("[name=seen_position]");
  if (seen) seen.value = last.dataset.position;
  const fields = new URLSearchParams({ seen_position: last.dataset.position });
  post(`/demandes/${thread().dataset.number}/lu`, fields, { quietly: true });
}

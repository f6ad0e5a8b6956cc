// One request of a customer: what is new joins the exchange, and nothing that is read moves.

import { onNews, readAgain } from "../../shared/scripts/live.js";
import { say } from "../../shared/scripts/say.js";
import { steady } from "../../shared/scripts/steady.js";
import { oneAtATime } from "../../shared/scripts/turns.js";

const root = document.querySelector("main [data-number]");
const number = Number(root.dataset.number);
const address = `/mes-demandes/${number}`;
const thread = document.getElementById("thread");
const news = document.getElementById("news");
const title = document.title;
const isLastPage = !new URLSearchParams(location.search).has("avant");

let unread = 0;

// A mail, or a sign-in on the way, leads to the page without saying where in it.
const fresh = document.getElementById("nouveau");
const [arrival] = performance.getEntriesByType("navigation");
if (
  fresh &&
  !location.hash &&
  arrival?.type === "navigate" &&
  fresh.getBoundingClientRect().top > innerHeight / 2
)
  fresh.scrollIntoView();

// --- What is new ------------------------------------------------------------------------------

const renew = oneAtATime(async () => {
  const page = await readAgain(address);
  if (page?.getElementById("thread")) take(page);
});

onNews(({ changes, everything }) => {
  if (isLastPage && (everything || changes.some((change) => change.number === number))) renew();
});

function take(page) {
  const added = [...page.getElementById("thread").children].filter(
    (part) => part.id && part.id !== "missed" && !document.getElementById(part.id),
  );
  hold(() => {
    thread.append(...added.map((part) => document.adoptNode(part)));
    for (const old of page.querySelectorAll("#thread .msg:not(.msg--new)"))
      document.getElementById(old.id)?.classList.remove("msg--new");
    if (!page.getElementById("nouveau")) document.getElementById("nouveau")?.remove();
    replace(page, "head");
    takeBelow(page);
  });
  const answer = added.filter((part) => part.matches(".msg--staff")).at(-1);
  if (answer) announce(answer);
}

function replace(page, id) {
  const [now, then] = [page.getElementById(id), document.getElementById(id)];
  if (now.outerHTML !== then.outerHTML) then.replaceWith(document.adoptNode(now));
}

// The place of the answer: what is typed stays, and an answer that is begun keeps the position
// of what its writer had seen, so that sending it stops once.
function takeBelow(page) {
  const [now, then] = [page.getElementById("answer"), document.getElementById("answer")];
  const typed = then?.querySelector("#text").value ?? "";
  if (now && then) {
    if (!typed.trim()) then.elements.seen.value = now.elements.seen.value;
    then
      .querySelector("label[for=text]")
      .replaceWith(document.adoptNode(now.querySelector("label[for=text]")));
    const button = now.querySelector(".composer__end .btn");
    then.querySelector(".composer__end .btn").textContent = button.textContent;
  } else if (!now) {
    const below = page.getElementById("below");
    if (typed.trim()) {
      const unsent = below.querySelector("#unsent");
      unsent.value = typed;
      unsent.closest(".field").hidden = false;
    }
    document.getElementById("below").replaceWith(document.adoptNode(below));
  }
}

// Whatever holds the focus, or else is at the top of the window, stays where it is.
function hold(change) {
  const typing = document.activeElement?.closest("#below");
  const inView = [...thread.children].find((part) => part.getBoundingClientRect().bottom > 0);
  steady(typing ? document.activeElement : inView, change);
}

function announce(message) {
  const name = message.querySelector(".msg__name").textContent;
  if (document.hidden) {
    unread += 1;
    document.title = `(${unread}) ${title}`;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = say("show_reply_of", { name });
  button.addEventListener("click", () => {
    message.scrollIntoView({ block: "center" });
    news.replaceChildren();
  });
  news.replaceChildren(button);
  new IntersectionObserver(([seen], observer) => {
    if (!seen.isIntersecting || document.hidden) return;
    observer.disconnect();
    setTimeout(() => news.contains(button) && news.replaceChildren(), 6_000);
  }).observe(message);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = title;
});

// --- Earlier messages, on demand --------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const link = event.target.closest("#earlier a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  const page = await readAgain(link.getAttribute("href"));
  if (!page?.getElementById("thread")) {
    location.assign(link.href);
    return;
  }
  const first = thread.firstElementChild;
  const before = first.getBoundingClientRect().top;
  /** @type {HTMLElement[]} */
  const earlier = [...page.getElementById("thread").querySelectorAll(":scope > *")].map((part) =>
    document.adoptNode(part),
  );
  thread.prepend(...earlier);
  const still = page.getElementById("earlier");
  if (still) document.getElementById("earlier").replaceWith(document.adoptNode(still));
  else document.getElementById("earlier").remove();
  scrollBy(0, first.getBoundingClientRect().top - before);
  const last = earlier.at(-1);
  last?.setAttribute("tabindex", "-1");
  last?.focus({ preventScroll: true });
});

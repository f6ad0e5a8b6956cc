// A customer's list of requests: it stays true, and moves only when its reader wants it to.

import { onNews, readAgain } from "../../shared/scripts/live.js";
import { count as counted, say } from "../../shared/scripts/say.js";
import { oneAtATime } from "../../shared/scripts/turns.js";

const news = document.getElementById("news");
/** @type {HTMLFormElement | null} */
const form = document.querySelector("form#narrow");
const waiting = (root) =>
  [...root.querySelectorAll("section:has(#awaiting) [data-number]")].map(
    (line) => line.dataset.number,
  );

// Which requests stand where.
const places = (root) =>
  [...root.querySelectorAll("#requests [data-number]")].map((line) => line.dataset.number).join() +
  `, of which ${waiting(root).length} wait`;

let latest; // the page as it is now, not shown yet
let searches = 0; // shown so far
let isLate = false; // something happened since the last one was sent

const renew = oneAtATime(async () => {
  let before, page;
  do {
    before = searches;
    page = await readAgain(location.href);
  } while (searches !== before); // it is of the search before
  if (!page?.getElementById("requests")) return;
  if (page.querySelector("#requests [role=alert]")) {
    // The search is forgotten, and its list stays: whoever wants to sends it again.
    announce(say("show_changed_list"), () => form.requestSubmit());
    return;
  }
  latest = page;
  document.title = page.title;
  replace("lead");
  if (document.hidden || places(page) === places(document)) show();
  else
    announce(difference(), () => {
      show();
      document.getElementById("requests").querySelector("a")?.focus();
    });
});
onNews(() => {
  isLate = true;
  renew();
});

form?.addEventListener("htmx:config:request", () => {
  isLate = false;
});
form?.addEventListener("htmx:after:swap", () => {
  searches += 1;
  if (!isLate && !news.firstChild) return;
  news.replaceChildren(); // it would show the list of the search before
  renew();
});

// The elements stay: the answer to a search that is on its way goes into one of them.
function replace(id) {
  const [now, then] = [latest.getElementById(id), document.getElementById(id)];
  if (!now || !then || now.innerHTML === then.innerHTML) return;
  then.className = now.className;
  then.replaceChildren(...document.adoptNode(now).childNodes);
}

// Nobody loses the place of the focus either.
function show() {
  const focused = document.activeElement?.closest("#requests a")?.getAttribute("href");
  const unfolded = document.getElementById("resolved")?.open;
  replace("requests");
  if (unfolded) document.getElementById("resolved")?.setAttribute("open", "");
  if (focused)
    document
      .querySelector(`#requests a[href="${CSS.escape(focused)}"]`)
      ?.focus({ preventScroll: true });
  news.replaceChildren();
}

// What waits for an answer and did not before is what matters.
function difference() {
  const before = new Set(waiting(document));
  const count = waiting(latest).filter((number) => !before.has(number)).length;
  return count === 0 ? say("show_changed_list") : counted("show_new_replies", count);
}

function announce(what, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = what;
  button.addEventListener("click", act);
  news.replaceChildren(button);
}

// A customer's list of requests: it stays true, and moves only when its reader wants it to.

import { onNews, readAgain } from "../../shared/scripts/live.js";

const news = document.getElementById("news");
const waiting = (root) =>
  [...root.querySelectorAll("section:has(#awaiting) [data-number]")].map(
    (line) => line.dataset.number,
  );

// Which requests stand where.
const places = (root) =>
  [...root.querySelectorAll("#requests [data-number]")].map((line) => line.dataset.number).join() +
  `, of which ${waiting(root).length} wait`;

let latest; // the page as it is now, not shown yet
let searches = 0;

async function renew() {
  let before, page;
  do {
    before = searches;
    page = await readAgain(location.href);
  } while (searches !== before); // it is of the search before
  // A search that is forgotten meanwhile takes no list away.
  if (!page?.getElementById("requests") || page.querySelector("#requests [role=alert]")) return;
  latest = page;
  document.title = page.title;
  replace("lead");
  if (document.hidden || places(page) === places(document)) show();
  else announce();
}
onNews(renew);

document.getElementById("narrow")?.addEventListener("htmx:after:swap", () => {
  searches += 1;
  if (!news.firstChild) return;
  news.replaceChildren(); // it would show the list of the search before
  renew();
});

function replace(id) {
  const [now, then] = [latest.getElementById(id), document.getElementById(id)];
  if (now && then && now.outerHTML !== then.outerHTML) then.replaceWith(document.adoptNode(now));
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
function announce() {
  const before = new Set(waiting(document));
  const count = waiting(latest).filter((number) => !before.has(number)).length;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  if (count === 0) button.textContent = "Votre liste a changé\u00a0: afficher";
  else
    button.textContent = `${count} ${count > 1 ? "nouvelles réponses" : "nouvelle réponse"}\u00a0: afficher`;
  button.addEventListener("click", () => {
    show();
    document.getElementById("requests").querySelector("a")?.focus();
  });
  news.replaceChildren(button);
}

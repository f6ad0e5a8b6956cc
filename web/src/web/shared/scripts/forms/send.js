// Forms with data-send are sent by script: a session that has ended and a connection that is cut
// are shown over the page, and the text is still there. Sent again, the form's key acts once.

import { say } from "../say.js";
import { post, warn } from "../session.js";
import { beforeSending } from "./autosave.js";

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!form.matches?.("[data-send]") || event.defaultPrevented) return;
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "yes";
    const button = event.submitter;
    button?.setAttribute("aria-busy", "true");
    document.querySelector("dialog[open]")?.close();
    try {
      await send(form, button);
    } finally {
      delete form.dataset.sending;
      button?.removeAttribute("aria-busy");
    }
  },
  { capture: true },
);

async function send(form, button) {
  const fields = new FormData(form, button);
  await beforeSending(form);
  const answer = await post(form.action, fields);
  if (answer === undefined) return; // nobody signed in: the text is where it was
  if (answer?.type === "opaqueredirect") {
    sessionStorage.setItem("guichet-draft-sent", form.dataset.draft);
    form.dataset.sent = "yes"; // no draft any more
    // The same address again would only scroll, were there a part of the page in it.
    location.assign(form.action);
    return;
  }
  if (answer === null || answer.status >= 500 || answer.status === 429) {
    refuse(form, button, answer);
    return;
  }
  show(await answer.text());
}

// Not sent: shown above the text, with a button that tries again.
function refuse(form, button, answer) {
  const why = say(answer === null ? "not_sent_why" : "closed_text_kept");
  const line = warn(form.querySelector("[data-unsent]"), why);
  const strong = document.createElement("strong");
  strong.textContent = form.dataset.send;
  line.querySelector("span").prepend(strong, " ");
  const again = document.createElement("button");
  again.type = "button";
  again.className = "btn";
  again.textContent = say("retry");
  again.addEventListener("click", () => {
    line.remove();
    form.requestSubmit(button);
  });
  line.append(again);
  again.focus();
  form.querySelector("textarea").dispatchEvent(new Event("input", { bubbles: true })); // a draft again
}

// The answer is the page with its reasons: only what was sent from is put in its place.
function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const here = document.getElementById("thread");
  const there = page.getElementById("thread");
  if (!here || !there) {
    document.querySelector("main").replaceWith(page.querySelector("main"));
    return;
  }
  const scroll = here.querySelector(".desk__scroll")?.scrollTop;
  here.replaceWith(there);
  const scroller = there.querySelector(".desk__scroll");
  if (scroller) scroller.scrollTop = scroll;
  there.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
  (
    there.querySelector("[aria-invalid=true]") ??
    there.querySelector("[name=anyway]") ??
    there.querySelector("textarea")
  )?.focus();
}

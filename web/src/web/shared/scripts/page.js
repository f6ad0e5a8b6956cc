// Small comforts of every page: show a password, count its characters, open a dialog, send once.

import { beforeSending } from "./forms/autosave.js";
import { count, say } from "./say.js";
import { isAbort, mention, sure, warn } from "./session.js";
import "./zone.js";

document.addEventListener("click", (event) => {
  const eye = event.target.closest("[data-reveal]");
  if (eye) reveal(eye);
  const opener = event.target.closest("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (dialog) {
    event.preventDefault();
    ask(dialog, document.getElementById(opener.dataset.text));
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
});

// The question says what happens to the text that stands in the form, if there is one.
function ask(dialog, text) {
  const hasText = Boolean(text?.value.trim());
  for (const part of dialog.querySelectorAll("[data-with-text]")) part.hidden = !hasText;
  for (const part of dialog.querySelectorAll("[data-without-text]")) part.hidden = hasText;
  const twin = dialog.querySelector("[data-same-as]");
  if (twin) share(twin, text, dialog);
  dialog.showModal();
}

// A field of the question that holds what stands in the form, and gives it back.
function share(twin, text, dialog) {
  twin.value = text.value;
  const giveBack = () => {
    if (twin.value === text.value) return;
    text.value = twin.value;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  dialog.addEventListener("close", giveBack, { once: true });
}

function reveal(eye) {
  const input = document.getElementById(eye.dataset.reveal);
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  eye.setAttribute("aria-pressed", String(!shown));
  eye.setAttribute("aria-label", say(shown ? "show_password" : "hide_password"));
  eye.querySelector("use").setAttribute("href", shown ? "#i-eye" : "#i-eye-off");
}

function showEyes(root) {
  for (const eye of root.querySelectorAll("[data-reveal]")) eye.hidden = false;
}
showEyes(document);
document.addEventListener("htmx:after:swap", () => showEyes(document));

// How many characters a new password still lacks, shown below it.
document.addEventListener("input", (event) => {
  const shortest = Number(event.target.dataset?.shortest);
  if (!shortest) return;
  const hint = document.getElementById(`${event.target.id}-hint`);
  if (!hint) return;
  hint.dataset.rule ??= hint.textContent;
  const length = [...event.target.value].length;
  const characters = count("characters", length);
  if (!length) hint.textContent = hint.dataset.rule;
  else if (length < shortest)
    hint.textContent = say("characters_left", { characters, left: shortest - length });
  else hint.textContent = characters;
});

// A second click sends nothing; the form's key guards against the rest. Before a form leaves the
// page, its person is still signed in, or is asked to: the page and all that is typed stay.
const ready = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || event.defaultPrevented || form.matches("[hx-post], [hx-get]"))
    return;
  if (ready.delete(form)) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => sendable(form), 10_000); // stopped by hand, or lost on the way
  if (form.method !== "post" || !document.body.dataset.reader) return;
  event.preventDefault();
  leave(form, event.submitter);
});

async function leave(form, submitter) {
  try {
    await sure();
    await beforeSending(form);
    document.getElementById("unsent-notice")?.remove();
    ready.add(form);
    form.requestSubmit(submitter);
  } catch (failure) {
    sendable(form);
    if (isAbort(failure)) mention();
    else notSent(form, submitter);
  }
}

// No answer: shown beside the form, which stays as it is.
function notSent(form, submitter) {
  notify(form, submitter, say("not_sent"), say("not_sent_why"));
}

// The list below a field in which somebody is typing.
function isOld(form, why) {
  notify(form, null, say("list_is_old"), why);
}

function notify(form, submitter, what, why) {
  const place = document.createElement("div");
  place.id = "unsent-notice";
  place.className = "over-form";
  document.getElementById(place.id)?.remove();
  form.prepend(place);
  const strong = document.createElement("strong");
  strong.textContent = what;
  const line = warn(place, strong, ` ${why}`);
  const again = document.createElement("button");
  again.type = "button";
  again.className = "btn";
  again.textContent = say("retry");
  again.addEventListener("click", () => form.requestSubmit(submitter));
  line.append(again);
}

// Requests of htmx. An answer without the part to be shown is another page, such as the gateway's:
// a form that somebody sent is sent again without htmx, and shows it; a list is filtered while
// somebody types, who stays at the field.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  ctx.sourceEvent?.submitter?.setAttribute("aria-busy", "true");
});

document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement: form, sourceEvent, select, text, response } = event.detail.ctx;
  document.getElementById("unsent-notice")?.remove();
  const answer = document.createElement("template"); // where no style of the gateway's page counts
  answer.innerHTML = text;
  if (answer.content.querySelector(select)) return;
  event.preventDefault();
  if (sourceEvent.type === "submit") form.submit();
  else isOld(form, response.status === 413 ? say("search_too_long") : say("unexpected_answer"));
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx.text !== undefined) return; // answered
  const { sourceElement: form, sourceEvent } = ctx;
  sendable(form);
  if (sourceEvent.type === "submit") notSent(form, sourceEvent.submitter);
  else isOld(form, say("cut"));
});

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!ctx.request.signal.aborted) sendable(ctx.sourceElement); // else the next one is on its way
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(sendable);
});

function sendable(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

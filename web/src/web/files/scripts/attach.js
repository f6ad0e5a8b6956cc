// Files of a form: chosen, dropped or pasted, sent in parts of 1 MiB that go on where a lost
// connection stopped, removed. The server keeps them with the draft; the form's hidden field names
// those that will be sent with it.

import { say } from "../../shared/scripts/say.js";
import { ask, isAbort, post } from "../../shared/scripts/session.js";

const PART = 1024 * 1024;
const AGAIN = 2_000; // milliseconds until a part is tried again
const LOOK = 700; // between two looks at what becomes of a file that is being checked

const underWay = new Map(); // place → number of files that are on their way

const places = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-attach]")]);
const listOf = (place) => place.querySelector(".files");
const rowsOf = (place) => [...listOf(place).querySelectorAll("[data-file]")];

const pause = (milliseconds) =>
  new Promise((done) => {
    setTimeout(done, milliseconds);
    addEventListener("online", done, { once: true });
  });

// --- The rows -----------------------------------------------------------------------------------

/** A row of this script's own, until the server knows of the file. */
function newRow(place, name) {
  const row = document.createElement("li");
  row.className = "file file--row";
  row.innerHTML =
    '<svg class="icon" aria-hidden="true"><use href="#i-loader"/></svg><bdi class="file__name"></bdi> <span class="file__state" data-state-of-file></span>';
  row.querySelector("bdi").textContent = name;
  listOf(place).append(row);
  listOf(place).hidden = false;
  return row;
}

function show(row, words) {
  row.querySelector("[data-state-of-file]").textContent = words;
}

function refuse(row, words) {
  row.dataset.state = "refused";
  row.querySelector("use").setAttribute("href", "#i-alert");
  show(row, words);
  if (row.querySelector("button")) return;
  const away = document.createElement("button");
  away.type = "button";
  away.className = "btn btn--quiet btn--icon";
  away.dataset.removes = "";
  away.setAttribute(
    "aria-label",
    say("remove_file", { name: row.querySelector("bdi").textContent }),
  );
  away.innerHTML = '<svg class="icon icon--s" aria-hidden="true"><use href="#i-x"/></svg>';
  row.append(away);
}

function replace(row, html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  const now = made.content.querySelector("li");
  row.replaceWith(now);
  return now;
}

function settle(place) {
  const ids = rowsOf(place)
    .filter((row) => row.dataset.state !== "refused")
    .map((row) => row.dataset.file);
  place.querySelector("[name=files]").value = ids.join(",");
  listOf(place).hidden = !listOf(place).children.length;
}

const announce = (place, words) => {
  place.querySelector("[data-attach-news]").textContent = words;
};

// --- Sending ------------------------------------------------------------------------------------

async function take(place, files) {
  const most = Number(place.dataset.most);
  for (const file of files) {
    const row = newRow(place, file.name);
    if (rowsOf(place).length + (underWay.get(place) ?? 0) >= most)
      refuse(row, say("too_many_files", { most }));
    else if (file.size === 0) refuse(row, say("file_empty"));
    else if (file.size > Number(place.dataset.largest))
      refuse(row, say("file_too_large", { most: Number(place.dataset.largest) / PART }));
    else send(place, file, row);
  }
}

async function send(place, file, row) {
  underWay.set(place, (underWay.get(place) ?? 0) + 1);
  try {
    await whole(place, file, row);
  } catch (failure) {
    refuse(row, isAbort(failure) ? say("session_ended_text_kept") : say("unexpected_answer"));
  } finally {
    underWay.set(place, underWay.get(place) - 1);
    settle(place);
    announce(place, row.isConnected ? say("file_refused") : say("file_there", { name: file.name }));
    dispatchEvent(new CustomEvent("file-settled"));
  }
}

async function whole(place, file, row) {
  const about = { number: place.dataset.number, name: file.name, size: String(file.size) };
  let known = await known_of(() => post("/fichiers/ajout", new URLSearchParams(about)), row);
  if (!known) return;
  row.dataset.file = known.id;
  row.dataset.state = known.state;
  let { received } = known;
  while (received < file.size) {
    show(row, `${Math.floor((100 * received) / file.size)} %`);
    const part = file.slice(received, received + PART);
    const answer = await part_sent(known.id, received, part);
    if (!row.isConnected) return; // removed meanwhile
    if (answer?.ok) received += part.size;
    else if (answer && answer.status !== 409 && answer.status < 500) {
      const { why } = await answer.json();
      refuse(row, why);
      return;
    } else {
      show(row, say("upload_waits"));
      await pause(AGAIN);
      const found = await state_of(known.id);
      if (found) received = found.received;
    }
  }
  do {
    show(row, say("file_checked"));
    await pause(LOOK);
    known = (await state_of(known.id)) ?? known;
  } while (known.state === "checking" || known.state === "receiving");
  if (row.isConnected) replace(row, known.html);
}

/** The file as the server knows it; asked again while nobody answers; nothing where it is refused. */
async function known_of(request, row) {
  for (;;) {
    const answer = await request();
    if (answer === undefined) throw new DOMException("Nobody signed in.", "AbortError");
    if (answer?.ok) return answer.json();
    if (answer && answer.status < 500) {
      refuse(row, (await answer.json()).why);
      return null;
    }
    show(row, say("upload_waits"));
    await pause(AGAIN);
  }
}

/** Null where the line is cut. */
function part_sent(id, offset, part) {
  const headers = {
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": String(offset),
  };
  return ask(`/fichiers/${id}`, { method: "PATCH", headers, body: part }).catch((failure) => {
    if (isAbort(failure)) throw failure;
    return null;
  });
}

async function state_of(id) {
  const answer = await ask(`/fichiers/${id}`).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

// --- Chosen, dropped, pasted, removed -------------------------------------------------------------

document.addEventListener("change", (event) => {
  const place = event.target.closest("[data-attach]");
  if (!place || event.target.type !== "file") return;
  take(place, [.../** @type {any} */ (event.target).files]);
  event.target.value = "";
});

/** Where a file goes that was dropped or pasted here. */
const placeAt = (target) => {
  const form = target instanceof Element ? target.closest("form") : null;
  const own = form?.querySelector("[data-attach]");
  return own ?? (places().length === 1 ? places()[0] : null);
};
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  placeAt(event.target)?.classList.add("is-over");
});
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    if (name === "dragleave" && /** @type {any} */ (event).relatedTarget) return;
    for (const place of places()) place.classList.remove("is-over");
  });
}
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault(); // else the browser would leave the page for the file
  const place = placeAt(event.target);
  if (place) take(place, [.../** @type {any} */ (event).dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const place = files.length ? placeAt(event.target) : null;
  if (!place) return;
  event.preventDefault();
  take(place, files);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-removes]");
  const place = button?.closest("[data-attach]");
  if (!place) return;
  const row = button.closest("li");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  settle(place);
  (next?.querySelector("button") ?? place.querySelector("input[type=file]"))?.focus();
  announce(place, say("file_removed"));
  const id = button.dataset.removes || row.dataset.file;
  if (id) await post(`/fichiers/${id}/retrait`, {});
});

// A form waits for its files: sent when the last one is there, unless somebody removes it.
addEventListener(
  "submit",
  (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const place = form.querySelector("[data-attach]");
    if (!place || !underWay.get(place)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = event.submitter;
    button?.setAttribute("aria-busy", "true");
    announce(place, say("files_first"));
    const again = () => {
      if (underWay.get(place)) return;
      removeEventListener("file-settled", again);
      button?.removeAttribute("aria-busy");
      const refused = rowsOf(place).some((row) => row.dataset.state === "refused");
      if (!refused && form.isConnected) form.requestSubmit(button);
    };
    addEventListener("file-settled", again);
  },
  { capture: true },
);

// What came on another device, or in another tab, may still be under way there, or being checked.
for (const place of places()) settle(place);

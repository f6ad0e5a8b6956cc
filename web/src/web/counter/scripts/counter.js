// The seller's counter: four steps, one ticket, and the keyboard.

import { combobox } from "../../shared/scripts/combobox.js";
import { explain, focusFirstError, send } from "../../shared/scripts/forms/exchange.js";
import { htmlOf } from "../../shared/scripts/forms/failure.js";
import { say } from "../../shared/scripts/say.js";
import { fill, isAltN, row } from "./card.js";
import { customerStep } from "./customer.js";
import { dayStep } from "./day.js";
import { saleDraft } from "./draft.js";
import { handover } from "./handover.js";
import { listenToScanner } from "./scanner.js";
import { serialField } from "./serial.js";
import { isNumberScan, isWhole } from "./serial-text.js";
import { missingOf } from "./words.js";

const ORDER = ["customer", "product", "serial_number", "sold_on"];

/** @type {HTMLFormElement} */
const form = document.querySelector("#sale");
const { customer_id, product_id, withdrawn, withdrawn_confirmed, sold_on } = form.elements;
const record = form.querySelector("[data-record]");
const heading = document.querySelector("[data-heading]"); // a link may have led here to create somebody
const missing = form.querySelector("[data-missing]");
const touched = matchMedia("(pointer: coarse)");
const steps = Object.fromEntries(ORDER.map((name) => [name, form.querySelector(`#step-${name}`)]));
const dialog = handover(document.querySelector("#handover"));
let draft = null; // nothing is saved or recorded before the page shows what was typed last
let reopened = null; // the step that the seller went back to; what was chosen stays until replaced
let textThen = ""; // in its box at that moment

// --- The steps ---------------------------------------------------------------------------------

const customer = customerStep(steps.customer, {
  handover: dialog,
  changed: draw,
  chosen(id) {
    customer_id.value = id;
    settle("customer");
  },
});

const product = combobox(steps.product.querySelector(".combo"), {
  search: (text, signal, more) => send("/comptoir/produits", { text, ...more }, { signal }),
  choose(option) {
    if (option.dataset.action === "withdrawn") {
      product.again({ withdrawn: "true" });
      return;
    }
    product.close();
    const { id, designation, reference, onSale } = option.dataset;
    product_id.value = id;
    withdrawn.value = onSale === "true" ? "" : "true";
    withdrawn_confirmed.value = "";
    fill(steps.product, { title: designation, code: reference });
    settle("product");
    serial.again();
  },
});

const serial = serialField(steps.serial_number.querySelector("[data-serial]"), {
  check: (text, { scanned, confirmed, signal }) =>
    send(
      "/comptoir/numeros",
      {
        serial_number: text,
        product_id: product_id.value,
        scanned: scanned ? "true" : "",
        confirmed,
      },
      { signal },
    ),
  changed: draw,
  done: () => settle("serial_number"),
});

const day = dayStep(form, steps.sold_on, { changed: draw, settled: () => record.focus() });

const boxes = { customer: customer.box, product };
const ids = { customer: customer_id, product: product_id };

// --- Which step is now -------------------------------------------------------------------------

const complete = {
  customer: () => customer_id.value !== "" && !customer.isCreating,
  product: () => product_id.value !== "" && (!withdrawn.value || withdrawn_confirmed.value !== ""),
  serial_number: () => serial.accepted(),
  sold_on: day.isSettled,
};

const mustConfirm = () => product_id.value !== "" && !complete.product() && reopened !== "product";
// Something else is typed, and perhaps highlighted: the earlier choice no longer holds.
const isUndecided = () =>
  reopened in boxes &&
  complete[reopened]() &&
  !["", textThen].includes(boxes[reopened].input.value.trim());
const incomplete = () => ORDER.filter((name) => !complete[name]());
const current = () => reopened ?? incomplete()[0] ?? "sold_on";

/** A step got its answer: go on to the first that lacks one. */
function settle(name) {
  if (reopened === name) reopened = null;
  draw();
  draft?.flush();
  focusOn(current());
}

function reopen(name) {
  reopened = name;
  textThen = boxes[name]?.input.value.trim() ?? "";
  draw();
  focusOn(name);
}

function focusOn(name, { select = true } = {}) {
  const places = {
    customer: customer.isCreating ? customer : customer.box.input,
    product: mustConfirm() ? sellAnyway : product.input,
    serial_number: serial.input,
    sold_on,
  };
  places[name]?.focus();
  if (select && name !== "sold_on") places[name]?.select?.();
}

const sellAnyway = steps.product.querySelector("[data-confirm-withdrawn]");
sellAnyway.addEventListener("click", () => {
  withdrawn_confirmed.value = "true";
  settle("product");
});

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-change]");
  if (button) reopen(button.dataset.change);
});

// --- The ticket --------------------------------------------------------------------------------

function draw() {
  if (!customer.isCreating && customer_id.value !== "")
    heading.textContent = heading.dataset.heading;
  for (const name of ORDER) steps[name].dataset.state = stateOf(name);
  drawWithdrawn();
  showEarly(
    steps.serial_number.querySelector("[data-serial]"),
    "now done",
    serial.input.value !== "",
  );
  showEarly(
    steps.sold_on.querySelector("[data-day]"),
    "now",
    !complete.sold_on() || !day.isToday(),
  );
  steps.sold_on.querySelector("small").dataset.show = day.isToday() ? "todo" : "";
  drawTicket();
  record.setAttribute("aria-disabled", String(lacking() !== ""));
  missing.textContent = lacking() || say(touched.matches ? "sale_ready_by_touch" : "sale_ready");
  draft?.changed();
}

/** The day is there from the start, and comes last. */
function stateOf(name) {
  if (name === current()) return "now";
  return name !== "sold_on" && complete[name]() ? "done" : "todo";
}

/** Chosen, but no longer on sale: the seller has to confirm it. */
function drawWithdrawn() {
  const pending = mustConfirm();
  steps.product.querySelector("[data-search]").hidden = pending;
  steps.product.querySelector("[data-chosen]").dataset.show = pending ? "now done todo" : "done";
  steps.product.querySelector("[data-withdrawn]").hidden = !pending;
}

/** A scan may come before its step, and a day that is not today has to be seen: shown at once. */
function showEarly(part, usually, early) {
  part.dataset.show = early ? "todo now done" : usually;
}

function drawTicket() {
  const title = (step) => step.querySelector("[data-title]").textContent;
  const creating = customer.isCreating && customer.nameBeingTyped;
  row("customer", creating || (customer_id.value && title(steps.customer)));
  row("product", product_id.value && title(steps.product));
  row("reference", product_id.value && steps.product.querySelector("[data-code]").textContent);
  row("serial_number", complete.serial_number() && serial.input.value);
  row("sold_on", day.isRead() && sold_on.dataset.words);
  form.querySelector("[data-ticket-day]").textContent = day.isRead() ? sold_on.dataset.short : "";
  const number = say("serial_number", { number: serial.input.value });
  const sale = [title(steps.customer), title(steps.product), number, sold_on.dataset.short];
  form.querySelector("[data-recap]").textContent = lacking() ? "" : sale.join(" · ");
}

/** What keeps the sale from being recorded, in words; nothing when all is there. */
function lacking() {
  if (draft === null) return say("catching_up");
  if (isUndecided()) return say(`choose_${reopened}`);
  const names = incomplete().filter((name) => name !== "sold_on");
  if (customer.isCreating) names[0] = "password";
  if (names.length === 0) return day.lacking();
  if (names.includes("product") && product_id.value) return say("confirm_withdrawn");
  return names.join() === "serial_number" ? serial.lacking() : missingOf(names);
}

// --- Saving it --------------------------------------------------------------------------------

/** A reload finds it all, also what is typed and not chosen yet: whatever has a name. */
function begun() {
  const { form_token, withdrawn, ...typed } = Object.fromEntries(new FormData(form));
  const searched = (name) =>
    ids[name].value === "" || reopened === name ? boxes[name].input.value : "";
  return {
    ...typed,
    sold_on: day.isToday() ? "" : typed.sold_on,
    customer_text: searched("customer"),
    product_text: searched("product"),
    creating_customer: customer.isCreating ? "true" : "",
    ...customer.typed,
  };
}

/** Restore the page as the saved sale left it. */
async function goOn() {
  for (const [name, box] of Object.entries(boxes)) {
    if (box.input.value === "") continue;
    if (ids[name].value !== "") reopened = name; // left undecided: textThen is empty
    box.start(box.input.value);
  }
  await serial.again();
  if (!day.isRead()) await day.understand();
}

form.addEventListener("input", draw);

// --- Recording ---------------------------------------------------------------------------------

let retried = false;

async function recordSale() {
  if (draft === null || record.getAttribute("aria-busy") === "true") return;
  record.setAttribute("aria-busy", "true");
  try {
    if (serial.input.value !== "") await serial.validate();
    if (!day.isRead() || sold_on.value !== sold_on.dataset.short) await day.understand();
    if (lacking()) {
      if (!isUndecided()) reopened = null;
      focusOn(current());
      return;
    }
    await sendSale();
  } finally {
    if (!form.hasAttribute("data-recorded")) record.removeAttribute("aria-busy");
    draw();
  }
}

async function sendSale() {
  const sale = new FormData(form);
  if (day.isToday()) sale.set("sold_on", ""); // the server knows which day it is by now
  let answer;
  try {
    answer = await send("/comptoir", sale, { asks: true });
  } catch (failure) {
    explain(form, { form: htmlOf(failure) });
    return;
  }
  if (answer.location) {
    form.setAttribute("data-recorded", "");
    draft.end();
    location.assign(answer.location);
    return;
  }
  explain(form, answer.fields);
  if (answer.day) day.take(answer.day, sold_on.value);
  if (answer.key) form.elements.form_key.value = answer.key;
  if (answer.retry_after && !retried) {
    retried = true;
    await new Promise((later) => setTimeout(later, answer.retry_after * 1000));
    await sendSale();
    return;
  }
  retried = false;
  if (answer.serial) serial.show(answer.serial);
  if (answer.withdrawn) {
    withdrawn.value = "true";
    withdrawn_confirmed.value = "";
  }
  if (answer.reopen) reopen(answer.reopen);
  else if (lacking()) settle(null);
  else focusFirstError(form);
}

record.addEventListener("click", recordSale);
addEventListener("signed-in", () => serial.again()); // nobody could say whether it is free
form.addEventListener("submit", (event) => event.preventDefault());

// --- Keys of the whole page --------------------------------------------------------------------

// The customer with the keyboard, the search, a sign-in: what is typed there is not the sale's.
// Nor is it while the page is about to be made again.
const isElsewhere = () => form.inert || document.querySelector("dialog[open]") !== null;

document.addEventListener("keydown", (event) => {
  if (isElsewhere() || event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    recordSale();
  } else if (isAltN(event)) {
    event.preventDefault();
    reopened = "customer";
    customer.open();
  } else if (event.key === "Escape") {
    goBack(event);
  } else if (event.key === "Tab" && event.shiftKey && event.target.value === "") {
    goBack(event);
  }
});

/** From an empty box to the step before; from a reopened step back to what was chosen. */
function goBack(event) {
  const name = ORDER.find((each) => steps[each].contains(event.target));
  const fields = [customer.box.input, product.input, serial.input];
  if (!name || !fields.includes(event.target)) return;
  if (event.key === "Escape" && reopened === name && complete[name]()) {
    event.preventDefault();
    settle(name);
  } else if (event.target.value !== "" && event.key === "Escape") {
    event.preventDefault();
    event.target.value = "";
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (event.target.value === "" && name !== "customer") {
    event.preventDefault();
    reopen(ORDER[ORDER.indexOf(name) - 1]);
  }
}

listenToScanner({
  ours: (text) => isNumberScan(text) || isWhole(text),
  deaf: (element) => isElsewhere() || element === product.input,
  onScan: (text) => serial.scan(text),
  holds: (element) => element === serial.input,
});

// The browser's Back would show the sale that was just recorded.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const tabDraft = saleDraft({ form, values: begun });
draw();
await tabDraft.catchUp();
await goOn();
tabDraft.begin();
draft = tabDraft;
draw();
focusOn(current(), { select: false });

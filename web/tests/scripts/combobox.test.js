import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { combobox } from "../../src/web/shared/scripts/combobox.js";
import { ShownError } from "../../src/web/shared/scripts/forms/failure.js";
import { press, settled, show, stopClock, type } from "./page.js";

const BOX = `<div id="root"><input role="combobox" aria-expanded="false"><div class="combo__pop" hidden></div>
  <p role="status"></p></div>`;
const row = (id, more = "") =>
  `<div role="option" id="${id}" ${more} aria-selected="false">${id}</div>`;

let box;
let input;
let pop;
let status;
let pass;
let asked; // questions on their way, each with `answer` and `fail`
let chosen;

beforeEach(() => {
  pass = stopClock();
  const root = show(BOX).getElementById("root");
  HTMLElement.prototype.scrollIntoView = () => {};
  asked = [];
  chosen = [];
  const search = (text, signal, more) =>
    new Promise((answer, fail) => asked.push({ text, signal, more, answer, fail }));
  box = combobox(root, { search, choose: (option) => chosen.push(option.id) });
  input = root.querySelector("input");
  pop = root.querySelector(".combo__pop");
  status = root.querySelector("[role=status]");
});
afterEach(() => mock.timers.reset());

async function asks(text) {
  type(input, text);
  await pass(120);
  return asked.at(-1);
}

async function answers(question, ...rows) {
  question.answer({ html: rows.join(""), message: `${rows.length} produits` });
  await settled();
}

const isOpen = () => !pop.hidden;
const active = () => pop.querySelector("[aria-selected=true]")?.id;

test("it asks when nobody has typed for a moment, once", async () => {
  type(input, "n");
  await pass(100);
  type(input, "no");
  await pass(100);
  assert.equal(asked.length, 0);
  await pass(20);
  assert.deepEqual(
    asked.map(({ text }) => text),
    ["no"],
  );
});

test("a slow answer never replaces a newer one", async () => {
  const slow = await asks("noctua");
  await answers(await asks("7800x3d"), row("cpu"));
  await answers(slow, row("fan"));
  assert.ok(slow.signal.aborted);
  assert.equal(active(), "cpu");
});

test("Enter takes nothing that is shown for an earlier text, and the one that is meant when it comes", async () => {
  await answers(await asks("noctua"), row("fan"));
  type(input, "7800x3d");
  press(input, "Enter");
  await settled();
  assert.deepEqual(chosen, []);
  await answers(asked.at(-1), row("cpu", "data-likely"));
  assert.deepEqual(chosen, ["cpu"]);
});

test("Enter before the list has come opens it where several match, however often it is pressed", async () => {
  type(input, "noctua");
  press(input, "Enter");
  press(input, "Enter");
  await settled();
  assert.equal(asked.length, 1);
  await answers(asked[0], row("a"), row("b"));
  assert.ok(isOpen());
  assert.deepEqual(chosen, []);
  press(input, "Escape");
  assert.ok(!isOpen());
  press(input, "Enter");
  assert.ok(isOpen());
  type(input, "noctuax");
  press(input, "Enter");
  type(input, "noctua"); // Enter was meant for the other text
  await answers(asked.at(-1), row("a", "data-likely"));
  assert.deepEqual(chosen, []);
});

test("a row for an earlier text cannot be clicked", async () => {
  await answers(await asks("noctua"), row("fan"));
  type(input, "noctuax");
  pop.querySelector("#fan").click();
  assert.deepEqual(chosen, []);
  type(input, "noctua");
  pop.querySelector("#fan").click();
  assert.deepEqual(chosen, ["fan"]);
});

test("each answer is announced once", async () => {
  const messages = [];
  new MutationObserver(() => messages.push(status.textContent)).observe(status, {
    childList: true,
    subtree: true,
  });
  await answers(await asks("noc"), row("a"));
  await answers(await asks("noctua"), row("b"));
  for (const key of ["ArrowDown", "ArrowDown", "Escape", "ArrowDown"]) press(input, key);
  await pass(0);
  assert.deepEqual(messages.filter(Boolean), ["1 produits"]);
});

test("a search that fails says so, and the next one works", async () => {
  (await asks("7800x3")).fail(new ShownError("La connexion est coupée", "<b>coupée</b>"));
  await settled();
  assert.equal(status.textContent, "La connexion est coupée");
  assert.match(pop.innerHTML, /coupée/);
  await answers(await asks("7800x3d"), row("cpu"));
  assert.equal(active(), "cpu");
});

test("an answer that comes late opens no list in a box that was left", async () => {
  const late = await asks("noctua");
  box.close();
  await answers(late, row("fan"));
  assert.ok(!isOpen());
  press(input, "ArrowDown");
  await answers(asked.at(-1), row("fan"));
  assert.ok(isOpen());
});

test("the arrows walk the rows around, and the box names the one", async () => {
  await answers(await asks("noctua"), row("a"), row("b"), row("c", 'data-action="more"'));
  assert.equal(input.getAttribute("aria-expanded"), "true");
  const walked = ["", "ArrowUp", "ArrowDown", "ArrowDown"].map((key) => {
    if (key) press(input, key);
    assert.equal(input.getAttribute("aria-activedescendant"), active());
    return active();
  });
  assert.deepEqual(walked, ["a", "c", "a", "b"]);
  press(input, "Enter");
  assert.deepEqual(chosen, ["b"]);
  press(input, "Escape");
  assert.equal(input.getAttribute("aria-expanded"), "false");
  assert.ok(!input.hasAttribute("aria-activedescendant"));
});

test("an empty box asks nothing and has no list", async () => {
  await answers(await asks("noctua"), row("a"));
  await asks("  ");
  assert.equal(asked.length, 1);
  assert.ok(!isOpen());
});

test("a letter that is being composed is no key", async () => {
  await answers(await asks("noctua"), row("a"));
  press(input, "Enter", { isComposing: true });
  assert.deepEqual(chosen, []);
});

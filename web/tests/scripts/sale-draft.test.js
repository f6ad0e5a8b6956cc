import assert from "node:assert/strict";
import { afterEach, before, beforeEach, mock, test } from "node:test";
import { settled, show, stopClock } from "./page.js";

const FORM = `<form data-draft-of="julie"><input name="form_token" value="t"><p data-draft-line><span data-draft-text>
  </span><button type="button" data-clear></button></p><div data-notice></div><div data-aside hidden><p></p></div></form>`;
const WAITING = "guichet-draft/sale/julie";
const ASIDE = "guichet-draft/aside/julie";

let saleDraft;
let form;
let sale; // what the form holds
let draft;
let left; // where the page went
let pass;

function give(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

before(async () => {
  show(FORM);
  ({ saleDraft } = await import("../../src/web/counter/scripts/draft.js"));
});

beforeEach(() => {
  pass = stopClock();
  form = show(FORM).forms[0];
  left = [];
  give("location", { pathname: "/comptoir", search: "", assign: (address) => left.push(address) });
  give("fetch", async () => ({
    ok: true,
    status: 200,
    headers: new Map([["Content-Type", "application/json"]]),
    json: async () => ({ saved: true }),
  }));
  sale = { form_key: "first", customer_id: "", serial_number: "" };
  draft = saleDraft({ form, values: () => ({ ...sale }) });
  draft.begin();
});
afterEach(() => mock.timers.reset());

const waiting = () => sessionStorage.getItem(WAITING);

test("what is entered waits in this tab until the server has it", async () => {
  sale.customer_id = "nathalie";
  draft.changed();
  assert.deepEqual(JSON.parse(waiting()), sale);
  await pass(400);
  assert.equal(waiting(), null);
});

test("what was thrown away is not brought back by an answer that comes before the next page", async () => {
  sale.serial_number = "PHBQ";
  draft.changed();
  form.querySelector("[data-clear]").click();
  await settled();
  assert.deepEqual(left, ["/comptoir"]);
  draft.changed(); // whether the number is free
  assert.equal(waiting(), null);
  assert.deepEqual(JSON.parse(sessionStorage.getItem(ASIDE)), { draft: sale, cleared: true });
});

test("nor is what was recorded", () => {
  sale.serial_number = "PHBQ74K2M910XTD";
  draft.changed();
  draft.end();
  draft.changed();
  assert.equal(waiting(), null);
});

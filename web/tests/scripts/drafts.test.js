import assert from "node:assert/strict";
import { test } from "node:test";
import { show, type } from "./page.js";

const FORM = `<form data-draft="reply/7"><textarea name="text"></textarea><input type="text" name="subject">
  <input type="hidden" name="form_token" value="secret"><input name="form_key" value="new key" hidden></form>`;
let pages = 0;

/** The next page of this tab, with what the tab remembers. */
async function open(html) {
  const remembered = globalThis.sessionStorage ? { ...tab() } : {};
  show(html);
  for (const [key, value] of Object.entries(remembered)) sessionStorage.setItem(key, value);
  pages += 1;
  await import(`../../src/web/shared/scripts/forms/drafts.js?page=${pages}`);
  return document.forms[0];
}

const tab = () =>
  Object.fromEntries(
    Array.from({ length: sessionStorage.length }, (_, n) => sessionStorage.key(n)).map((key) => [
      key,
      sessionStorage.getItem(key),
    ]),
  );

const sends = (form) =>
  form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));

test("what was typed is there again with its key, and a secret is never stored", async () => {
  const form = await open(FORM);
  type(form.elements.text, "Elle ne s’allume plus");
  assert.deepEqual(JSON.parse(tab()["guichet-draft/reply/7"]), {
    text: "Elle ne s’allume plus",
    subject: "",
    form_key: "new key",
  });
  const again = await open(FORM.replace("new key", "newer key"));
  assert.equal(again.elements.text.value, "Elle ne s’allume plus");
  assert.equal(again.elements.form_key.value, "new key");
});

test("another form has nothing of it, and what the page came with stays", async () => {
  const other = await open(FORM.replace("reply/7", "reply/8"));
  assert.equal(other.elements.text.value, "");
  const refused = await open(
    FORM.replace("></textarea>", ">Refusé</textarea>").replace("new key", "its key"),
  );
  assert.equal(refused.elements.text.value, "Refusé");
  assert.equal(refused.elements.form_key.value, "its key");
});

test("where the server keeps drafts, this tab's text wins", async () => {
  const form = await open(
    FORM.replace("<form", '<form data-autosave="/brouillon"').replace(
      "></textarea>",
      ">Ailleurs</textarea>",
    ),
  );
  assert.equal(form.elements.text.value, "Elle ne s’allume plus");
});

test("it is forgotten when a later page says that it was sent, not before", async () => {
  sends(await open(FORM));
  assert.equal((await open(FORM)).elements.text.value, "Elle ne s’allume plus");
  sends(document.forms[0]);
  const after = await open(`<p data-done></p>${FORM}`);
  assert.equal(after.elements.text.value, "");
  assert.deepEqual(tab(), {});
});

test("what is emptied by hand is forgotten, and signing out forgets everything", async () => {
  const form = await open(FORM);
  type(form.elements.text, "Un mot");
  type(form.elements.text, " ");
  assert.deepEqual(tab(), {});
  type(form.elements.text, "Un mot");
  const leaving = document.createElement("form");
  leaving.setAttribute("action", "/deconnexion");
  document.body.append(leaving);
  sends(leaving);
  assert.deepEqual(tab(), {});
});

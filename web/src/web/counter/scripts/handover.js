// The keyboard is handed over: the whole screen asks the customer for a password.

import { errorPiece, explain, focusFirstError } from "../../shared/scripts/forms/exchange.js";
import { htmlOf } from "../../shared/scripts/forms/failure.js";
import { PASSWORD_SHORTEST } from "../../shared/scripts/generated/limits.js";
import { say } from "../../shared/scripts/say.js";
import { showUnbroken } from "../../shared/scripts/unbroken.js";
import { passwordLength } from "./words.js";

/**
 * @param dialog the <dialog class="handover">
 * @returns open({ name, email, save, saved }): save(password) resolves with the answer of the
 *          server; one with a message for `password` keeps the dialog open, any other goes to
 *          `saved` once the seller's screen is back
 */
export function handover(dialog) {
  const form = dialog.querySelector("form");
  const { password, again, username } = form.elements;
  const rule = dialog.querySelector("[data-rule]");
  const eye = dialog.querySelector("[data-reveal]");
  const done = dialog.querySelector("[data-done]");
  let save = null;
  let saved = null;

  function empty() {
    form.reset();
    explain(form, {});
    if (password.type === "text") eye.click();
    drawRule();
  }

  function drawRule() {
    const length = [...password.value].length;
    rule.querySelector("span").textContent = passwordLength(length);
    rule.classList.toggle("is-met", length >= PASSWORD_SHORTEST);
  }

  async function submit(event) {
    event.preventDefault();
    if (isSaving()) return;
    if ([...password.value].length < PASSWORD_SHORTEST) {
      refuse({ password: errorPiece(passwordLength([...password.value].length)) });
    } else if (password.value !== again.value) {
      refuse({ again: errorPiece(say("passwords_differ")) });
    } else {
      await send();
    }
  }

  const isSaving = () => done.getAttribute("aria-busy") === "true";

  async function send() {
    done.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await save(password.value);
    } catch (failure) {
      answer = { fields: { password: htmlOf(failure) } };
    }
    done.removeAttribute("aria-busy");
    if (answer.fields?.password) {
      refuse(answer.fields);
    } else {
      dialog.close();
      saved(answer);
    }
  }

  function refuse(fields) {
    explain(form, fields);
    focusFirstError(form);
  }

  form.addEventListener("input", () => explain(form, {}));
  password.addEventListener("input", drawRule);
  password.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || again.value !== "") return;
    event.preventDefault();
    again.focus();
  });
  form.addEventListener("submit", submit);
  dialog.querySelector("[data-cancel]").addEventListener("click", () => {
    if (!isSaving()) dialog.close();
  });
  // While it is being saved it is too late to return without saving. A browser lets a second
  // Escape close a dialog that refuses the first, unless the key itself is stopped.
  dialog.addEventListener("cancel", (event) => {
    if (isSaving()) event.preventDefault();
  });
  dialog.addEventListener("keydown", (event) => {
    if (isSaving() && event.key === "Escape") event.preventDefault();
  });
  dialog.addEventListener("close", empty);

  return {
    get isOpen() {
      return dialog.open;
    },
    open({ name, email, ...after }) {
      ({ save, saved } = after);
      empty();
      username.value = email;
      for (const place of dialog.querySelectorAll("[data-name]")) place.textContent = name;
      for (const place of dialog.querySelectorAll("[data-email]")) showUnbroken(place, email);
      dialog.showModal();
      password.focus();
    },
  };
}

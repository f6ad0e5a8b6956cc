// The customer of a sale: found in the box, or created in place with the keyboard handed over or
// by a link that they are sent.

import { combobox } from "../../shared/scripts/combobox.js";
import { attemptKey, explain, focusFirstError, send } from "../../shared/scripts/forms/exchange.js";
import { htmlOf } from "../../shared/scripts/forms/failure.js";
import { fill } from "./card.js";

/**
 * @param step     the step's element; data-mode is "search" or "new"
 * @param handover the dialog, see handover.js
 * @param chosen   (id) => void
 * @param changed  () => void: what the ticket shows of a customer being created changed
 */
export function customerStep(step, { handover, chosen, changed }) {
  const card = step.querySelector("[data-new-customer]");
  const named = (name) => card.querySelector(`[name="${name}"]`);
  const [first, last, email] = ["first_name", "last_name", "email"].map(named);
  const pass = card.querySelector("[data-hand-over]");
  const link = card.querySelector("[data-send-link]"); // where mail can be sent
  const sent = step.querySelector("[data-link-sent]");
  let latest = ""; // the id of the customer chosen last
  let key = attemptKey();
  let unsure = false; // whether a try that was cut has created the customer
  let questioned = ""; // the address whose spelling the seller has been asked about
  let question = 0;
  let sending = false; // the customer may be registered any moment: too late for another

  const box = combobox(step.querySelector(".combo"), {
    search: (text, signal) => send("/comptoir/clients", { text }, { signal }),
    choose: (option) => choose(option.dataset),
  });

  function choose({ id, name, email, purchases }) {
    box.close();
    step.dataset.mode = "search";
    sent.textContent = "";
    fill(step, { title: name, sub: `${email} · ${purchases}` });
    latest = id;
    chosen(id);
    loadMore(id);
  }

  async function loadMore(id) {
    try {
      const answer = await send(`/comptoir/clients/${id}`, {});
      if (latest === id) fill(step, { sub: answer.sub });
    } catch {
      // What the search returned is enough.
    }
  }

  /** « élodie marchand elodie@laposte.net » fills all three; one word is a last name. */
  function open(text) {
    if (sending) return;
    sent.textContent = "";
    const words = text.split(/\s+/).filter(Boolean);
    const address = words.find((word) => word.includes("@")) ?? "";
    const names = words.filter((word) => word !== address).map(capital);
    first.value = names.length > 1 ? names[0] : "";
    last.value = names.slice(names.length > 1 ? 1 : 0).join(" ");
    email.value = address;
    step.dataset.mode = "new";
    box.close();
    explain(card, {});
    changed();
    focus();
    if (address) check();
  }

  const focus = () => ([first, last, email].find((input) => input.value === "") ?? email).focus();

  function close() {
    if (sending) return;
    step.dataset.mode = "search";
    question += 1;
    changed();
    box.input.focus();
  }

  const capital = (word) =>
    word === word.toLowerCase() ? word.charAt(0).toUpperCase() + word.slice(1) : word;

  const values = () => ({ first_name: first.value, last_name: last.value, email: email.value });

  /** Ask about the address, or (`all`) about the whole card; null when asked again meanwhile. */
  async function check(all = false) {
    question += 1;
    const number = question;
    let answer;
    try {
      answer = await send("/comptoir/clients/verification", values());
    } catch (failure) {
      answer = { fields: { email: htmlOf(failure) }, refused: true };
    }
    if (number !== question) return null;
    explain(all ? card : email.closest(".field"), answer.fields);
    return answer;
  }

  /** Nothing can be typed meanwhile; whatever is pressed twice happens once. */
  async function busy(button, work) {
    if (first.readOnly) return;
    for (const input of [first, last, email]) input.readOnly = true;
    button.setAttribute("aria-busy", "true");
    try {
      return await work();
    } finally {
      for (const input of [first, last, email]) input.readOnly = false;
      button.removeAttribute("aria-busy");
    }
  }

  /** What is known of the customer to be; nothing while there is something to put right. */
  async function checked() {
    const answer = await check(true);
    if (answer === null) return null;
    if (answer.refused) {
      focusFirstError(card);
      return null;
    }
    if (answer.suggestion && email.value !== questioned) {
      questioned = email.value;
      card.querySelector("[data-spelling]").focus();
      return null;
    }
    return answer;
  }

  async function handOver() {
    // What is typed from here on may be the customer's: it must not show on this screen.
    const answer = await busy(pass, checked);
    if (!answer) return;
    handover.open({ name: answer.first_name, email: answer.email, save: create, saved: created });
  }

  const sendLink = () =>
    busy(link, async () => {
      // After a try that was cut the address may be theirs already.
      if (!unsure && !(await checked())) return;
      sending = true;
      try {
        const answer = await register("invitation");
        created(answer);
        if (answer.html) sent.innerHTML = answer.html;
      } catch (failure) {
        explain(card, { link: htmlOf(failure) });
      } finally {
        sending = false;
      }
    });

  const create = (password) => register("creation", { password });

  /** One attempt, in whichever way and however often it is tried. */
  async function register(way, more = {}) {
    const again = unsure;
    unsure = true;
    const fields = { ...values(), ...more, form_key: key, again: again ? "true" : "" };
    const answer = await send(`/comptoir/clients/${way}`, fields);
    unsure = again || answer.unsure;
    key = answer.key ?? key;
    return answer;
  }

  function created(answer) {
    if (answer.customer) {
      key = attemptKey();
      unsure = false;
      choose(answer.customer);
    } else {
      explain(card, answer.fields);
      focusFirstError(card);
    }
  }

  card.addEventListener("input", changed);
  email.addEventListener("change", () => check());
  card.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const inputs = [first, last, email];
    if (event.key === "Enter" && inputs.includes(event.target)) {
      event.preventDefault();
      const next = inputs[inputs.indexOf(event.target) + 1];
      if (next) next.focus();
      else handOver();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  pass.addEventListener("click", handOver);
  link?.addEventListener("click", sendLink);
  card.querySelector("[data-back]").addEventListener("click", close);
  card.addEventListener("click", (event) => {
    const offer = event.target.closest("[data-offer]");
    const spelling = event.target.closest("[data-spelling]");
    if (offer) choose(offer.dataset);
    if (spelling) {
      email.value = spelling.dataset.spelling;
      email.focus();
      check();
    }
  });
  step.addEventListener("click", (event) => {
    if (event.target.closest("[data-create-customer]")) open(box.input.value);
  });

  return {
    box,
    focus,
    /** What is typed of a customer who is being created. */
    get typed() {
      return this.isCreating ? values() : { first_name: "", last_name: "", email: "" };
    },
    open: () => open(box.input.value),
    get isCreating() {
      return step.dataset.mode === "new";
    },
    get nameBeingTyped() {
      return `${first.value} ${last.value}`.trim();
    },
  };
}

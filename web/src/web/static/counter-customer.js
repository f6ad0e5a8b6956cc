// The customer of a sale: found in the box, or created in place with the keyboard handed over.

import { combobox } from "./combobox.js";
import { attemptKey, explain, focusFirstError, send } from "./counter-exchange.js";

/**
 * @param step     the step's element; data-mode is "search" or "new"
 * @param handover the dialog, see counter-handover.js
 * @param chosen   ({ id, name, email, purchases }) => void
 * @param changed  () => void: what the ticket shows of a customer being created changed
 */
export function customerStep(step, { handover, chosen, changed }) {
  const card = step.querySelector("[data-new-customer]");
  const named = (name) => card.querySelector(`[name="${name}"]`);
  const [first, last, email] = ["first_name", "last_name", "email"].map(named);
  const pass = card.querySelector("[data-hand-over]");
  let key = attemptKey();
  let unsure = false; // whether a try that was cut has created the customer
  let questioned = ""; // the address whose spelling the seller has been asked about
  let question = 0;

  const box = combobox(step.querySelector(".combo"), {
    search: (text, signal) => send("/comptoir/clients", { text }, { signal }),
    choose: (option) => choose(option.dataset),
  });

  function choose({ id, name, email, purchases }) {
    box.close();
    step.dataset.mode = "search";
    chosen({ id, name, email, purchases });
  }

  /** « élodie marchand elodie@laposte.net » fills all three; one word is a last name. */
  function open(text) {
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

  const focus = () =>
    ([first, last, email].find((input) => input.value === "") ?? email).focus();

  function close() {
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
    const number = (question += 1);
    let answer;
    try {
      answer = await send("/comptoir/clients/verification", values());
    } catch (failure) {
      answer = { fields: { email: failure.html }, refused: true };
    }
    if (number !== question) return null;
    explain(all ? card : email.closest(".field"), answer.fields);
    return answer;
  }

  async function handOver() {
    if (first.readOnly) return;
    // What is typed from here on may be the customer's: it must not show on this screen.
    for (const input of [first, last, email]) input.readOnly = true;
    pass.setAttribute("aria-busy", "true");
    const answer = await check(true);
    for (const input of [first, last, email]) input.readOnly = false;
    pass.removeAttribute("aria-busy");
    if (answer === null) return;
    if (answer.refused) {
      focusFirstError(card);
      return;
    }
    if (answer.suggestion && email.value !== questioned) {
      questioned = email.value;
      card.querySelector("[data-spelling]").focus();
      return;
    }
    handover.open({ name: answer.first_name, email: answer.email, save: create, saved: created });
  }

  async function create(password) {
    const again = unsure;
    unsure = true;
    const said = { ...values(), password, form_key: key, again: again ? "true" : "" };
    const answer = await send("/comptoir/clients/creation", said);
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

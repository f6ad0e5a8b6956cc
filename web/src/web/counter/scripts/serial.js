// The serial number's field: one real input with a counter. The rule itself is the server's;
// here it is tidied, counted, and an answer asked for at the right moment.

import { htmlOf } from "../../shared/scripts/forms/failure.js";
import { SERIAL_NUMBER_LENGTH as LENGTH } from "../../shared/scripts/generated/limits.js";
import { say } from "../../shared/scripts/say.js";
import { isWhole, lengthOf, raised, tidied } from "./serial-text.js";
import { missingOf } from "./words.js";

/**
 * @param root    element holding .serial and [data-answer]
 * @param check   async (text, { scanned, confirmed, signal })
 *                  => { state, serial_number, html, message, bad }
 *                states: free, sold, unchecked (valid, no product yet), refused, asks; `confirmed`
 *                is the number that somebody has confirmed
 * @param changed () => void: the number or what is known of it changed
 * @param done    () => void: the number was validated by Enter or a scan; go on
 */
export function serialField(root, { check, changed, done }) {
  const box = root.querySelector(".serial");
  const input = root.querySelector(".serial__input");
  const bad = root.querySelector(".serial__bad");
  const count = root.querySelector(".serial__count");
  const answer = root.querySelector("[data-answer]");
  const status = root.querySelector('[role="status"]');
  let question = 0;
  let request = new AbortController();
  let checked = null; // the text that the shown answer is about
  let state = "";
  let confirmed = "";
  let wrong = null; // where the wrong character is, from 0

  function draw() {
    const length = lengthOf(input.value);
    box.style.setProperty("--n", Math.min(length, LENGTH));
    count.textContent = `${length} / ${LENGTH}`;
  }

  function forget() {
    question += 1;
    request.abort();
    checked = null;
    state = "";
    answer.replaceChildren();
    wrong = null;
    drawMark();
    box.classList.remove("is-error");
    input.removeAttribute("aria-invalid");
  }

  function typed(event) {
    if (event.isComposing) return;
    const text = tidied(input.value);
    if (text !== input.value) {
      const at = tidied(input.value.slice(0, input.selectionStart)).length;
      input.value = text;
      input.setSelectionRange(at, at);
    }
    forget();
    draw();
    changed();
    if (isWhole(text)) ask();
  }

  /** Resolves with the state, or null when another question came in between. */
  async function ask(scanned = false) {
    forget();
    const number = question;
    const text = input.value;
    request = new AbortController();
    let found;
    try {
      found = await check(text, { scanned, confirmed, signal: request.signal });
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      found = { state: "unchecked", html: htmlOf(failure) ?? "", message };
    }
    if (number !== question) return null;
    show(found);
    return state;
  }

  function show(found) {
    state = found.state;
    if (found.serial_number) input.value = found.serial_number;
    checked = input.value;
    answer.innerHTML = found.html;
    status.textContent = found.message;
    box.classList.toggle("is-error", !accepted());
    if (!accepted()) input.setAttribute("aria-invalid", "true");
    wrong = found.bad ?? null;
    // A text longer than its field is pushed along until the wrong character can be seen.
    if (wrong !== null) input.scrollLeft = Math.max(0, wrong + 1 - LENGTH) * cell();
    drawMark();
    draw();
    changed();
  }

  const cell = () => input.clientWidth / LENGTH;

  function drawMark() {
    const place = wrong === null ? -1 : wrong - input.scrollLeft / cell();
    bad.hidden = place < -0.5 || place > LENGTH - 0.5;
    bad.style.setProperty("--bad", place);
  }

  /** What Enter does; true when the number stands. Nothing at all is refused, too. */
  async function validate() {
    if (checked !== input.value) await ask();
    return accepted();
  }

  /** Where one answer is likely, the next Enter gives it. */
  const firstAnswer = () => answer.querySelector("[data-first]");

  const accepted = () => state === "free" || state === "unchecked";

  /** What keeps the number from being accepted, in words; nothing when it is. */
  function lacking() {
    if (accepted()) return "";
    if (input.value === "") return missingOf(["serial_number"]);
    if (state === "asks") return say("confirm_serial_number");
    const isWrong = isWhole(input.value) || state !== "";
    return say(isWrong ? "correct_serial_number" : "incomplete_serial_number");
  }

  /** Which number the label has: one that is offered, or none of them and typed anew. */
  async function decide(event) {
    const decision = event.target.closest("[data-use]");
    if (!decision) return;
    input.value = confirmed = decision.dataset.use;
    draw();
    input.focus();
    if (input.value === "") {
      forget();
      changed();
    } else if ((await ask()) && accepted()) {
      done();
    }
  }

  // Fifteen characters fit: the browser would push the first out to make room for the caret.
  input.addEventListener("scroll", () => {
    if (lengthOf(input.value) <= LENGTH) input.scrollLeft = 0;
    drawMark();
  });
  answer.addEventListener("click", decide);
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", typed);
  input.addEventListener("blur", () => {
    if (checked !== input.value && input.value !== "") ask();
  });
  input.addEventListener("keydown", async (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // Tab moves on from a whole number, and leaves one that is refused: nobody is held here.
    const refused = checked === input.value && !accepted();
    const goesOn = isWhole(input.value) && !refused;
    if (event.key === "Enter" || (event.key === "Tab" && goesOn)) {
      event.preventDefault();
      if (await validate()) done();
      else firstAnswer()?.focus();
    }
  });

  input.value = tidied(input.value); // as an earlier page may have stored it
  draw();
  return {
    input,
    accepted,
    lacking,
    validate,
    /** A whole scan: it replaces what is there. */
    async scan(text) {
      input.value = raised(text);
      draw();
      if (!(await ask(true))) return;
      if (state === "refused" && tidied(text) !== input.value) {
        input.value = tidied(text);
        if (!(await ask())) return;
      }
      confirmed = input.value; // a barcode is not misread as a person misreads
      if (accepted()) done();
      else (firstAnswer() ?? input).focus();
    },
    /** The product changed: the same number may be free or sold there. */
    again: () => (input.value ? ask() : null),
    /** Show an answer that came by another way, such as a refused sale. */
    show,
  };
}

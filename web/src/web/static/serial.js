// The serial number's field: one real input with a counter. The rule itself is the server's;
// here small letters are raised, characters counted, and an answer asked for at the right moment.

export const LENGTH = 15;

// What Python's str.strip drops: the server must see the same number as the seller.
const BLANKS = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const ENDS = new RegExp(`^${BLANKS}|${BLANKS}$`, "gu");

export const withoutBlanks = (text) => text.replace(ENDS, "");
export const raised = (text) => text.replace(/[a-z]/g, (small) => small.toUpperCase());

/**
 * @param root    element holding .serial and [data-answer]
 * @param check   async (text, { scanned, signal }) => { state, serial_number, html, said, bad }
 *                states: free, sold, unchecked (valid, no product yet), refused, misread
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

  function draw() {
    const length = [...withoutBlanks(input.value)].length;
    box.style.setProperty("--n", Math.min(length, LENGTH));
    count.textContent = `${length} / ${LENGTH}`;
  }

  function forget() {
    question += 1;
    request.abort();
    checked = null;
    state = "";
    answer.replaceChildren();
    bad.hidden = true;
    box.classList.remove("is-error");
    input.removeAttribute("aria-invalid");
  }

  function typed(event) {
    if (event.isComposing) return;
    const at = input.selectionStart;
    const pasted = event.inputType === "insertFromPaste" || event.inputType === "insertFromDrop";
    const text = raised(pasted ? withoutBlanks(input.value) : input.value);
    if (text !== input.value) {
      input.value = text;
      if (!pasted) input.setSelectionRange(at, at);
    }
    forget();
    draw();
    changed();
    if ([...withoutBlanks(text)].length === LENGTH) ask();
  }

  /** Resolves with the state, or null when another question came in between. */
  async function ask(scanned = false) {
    forget();
    const number = question;
    const text = input.value;
    request = new AbortController();
    let found;
    try {
      found = await check(text, { scanned, signal: request.signal });
    } catch (failure) {
      found = { state: "unchecked", html: failure.html ?? "", said: failure.message };
    }
    if (number !== question) return null;
    show(text, found);
    return state;
  }

  function show(text, found) {
    state = found.state;
    if (found.serial_number) input.value = found.serial_number;
    checked = input.value;
    const wrong = state === "refused" || state === "sold" || state === "misread";
    answer.innerHTML = found.html;
    status.textContent = found.said;
    box.classList.toggle("is-error", wrong);
    if (wrong) input.setAttribute("aria-invalid", "true");
    bad.hidden = !Number.isInteger(found.bad) || found.bad >= LENGTH;
    if (!bad.hidden) bad.style.setProperty("--bad", found.bad);
    draw();
    changed();
  }

  /** What Enter and leaving the field do; true when the number stands. */
  async function validate() {
    if (withoutBlanks(input.value) === "") return false;
    if (checked !== input.value) await ask();
    return accepted();
  }

  const accepted = () => state === "free" || state === "unchecked";

  /** The number that a misread scan probably meant: taken, or typed anew. */
  async function decide(event) {
    const decision = event.target.closest("[data-use]");
    if (!decision) return;
    input.value = decision.dataset.use;
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
    if ([...input.value].length <= LENGTH) input.scrollLeft = 0;
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
    const whole = [...withoutBlanks(input.value)].length === LENGTH && !refused;
    if (event.key === "Enter" || (event.key === "Tab" && whole)) {
      event.preventDefault();
      if (await validate()) done();
    }
  });

  draw();
  return {
    input,
    accepted,
    get state() {
      return state;
    },
    validate,
    /** Put a number in the field as if it had been typed, and ask about it. */
    set(text) {
      input.value = raised(text);
      draw();
      return ask();
    },
    /** A whole scan: it replaces what is there. */
    async scan(text) {
      input.value = raised(text);
      draw();
      if (!(await ask(true))) return;
      if (accepted()) done();
      else (answer.querySelector("[data-use]") ?? input).focus();
    },
    /** The product changed: the same number may be free or sold there. */
    again: () => (withoutBlanks(input.value) ? ask() : null),
    /** Show an answer that came by another way, such as a refused sale. */
    show: (found) => show(input.value, found),
  };
}

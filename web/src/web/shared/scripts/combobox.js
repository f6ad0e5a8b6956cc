// A search box with a list of answers, after the ARIA combobox pattern.
//
// Every question has a number: an answer to an earlier question is thrown away, and Enter acts
// only on what is displayed for the text that is in the box now. Pressed before that has come, it
// waits: the answer's one row with data-likely is chosen then, or else the list opens.

import { htmlOf } from "./forms/failure.js";

const PAUSE = 120; // milliseconds without a key before a question is sent

/**
 * @param root   element holding input[role=combobox], .combo__pop and a [role=status]
 * @param search async (text, signal, more) => { html, message }: the answer, ready to be shown
 * @param choose (option) => void: a row was chosen; its dataset says which
 */
export function combobox(root, { search, choose }) {
  const input = root.querySelector('[role="combobox"]');
  const pop = root.querySelector(".combo__pop");
  const status = root.querySelector('[role="status"]');
  let question = 0; // the number of the latest question, or of the latest key
  let answered = null; // the text whose answer is displayed
  let request = new AbortController();
  let pause = 0;
  let asked = null; // the text whose answer is on its way
  let entered = false; // Enter waits for it

  const typed = () => input.value.trim();
  const upToDate = () => !pop.hidden && answered === typed();
  const options = () => [...pop.querySelectorAll('[role="option"]')];
  const active = () => pop.querySelector('[aria-selected="true"]');

  function abandon() {
    clearTimeout(pause);
    request.abort();
    question += 1;
    asked = null;
  }

  function textChanged() {
    entered = false;
    if (!pop.hidden && answered === typed()) return;
    if (typed() === "") {
      close();
      answered = null;
      status.textContent = "";
      return;
    }
    abandon();
    if (pop.hidden) answered = null;
    pop.setAttribute("aria-busy", "true");
    root.dataset.waiting = "";
    activate(null);
    pause = setTimeout(ask, PAUSE);
  }

  async function ask(more) {
    abandon();
    const number = question;
    const text = typed();
    asked = text;
    request = new AbortController();
    let answer;
    try {
      answer = await search(text, request.signal, more);
    } catch (failure) {
      if (number !== question) return;
      answer = {
        html: `<div class="combo__hint">${htmlOf(failure) ?? ""}</div>`,
        message: failure instanceof Error ? failure.message : String(failure),
      };
    }
    if (number === question && text === typed()) show(text, answer);
  }

  function show(text, answer) {
    answered = text;
    pop.innerHTML = answer.html;
    if (status.textContent !== answer.message) status.textContent = answer.message;
    const likely = entered && pop.querySelector("[data-likely]");
    open();
    if (likely) choose(likely);
  }

  function open() {
    entered = false;
    pop.hidden = false;
    pop.removeAttribute("aria-busy");
    delete root.dataset.waiting;
    root.classList.add("combo--open");
    input.setAttribute("aria-expanded", String(options().length > 0));
    activate(options().find((option) => !option.dataset.action));
  }

  function close() {
    abandon(); // the answer would open the list of a box that was left
    entered = false;
    pop.hidden = true;
    pop.removeAttribute("aria-busy");
    delete root.dataset.waiting;
    root.classList.remove("combo--open");
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function openAgain() {
    if (typed() === "") return;
    if (answered === typed()) open();
    else ask();
  }

  function activate(option) {
    active()?.setAttribute("aria-selected", "false");
    if (!option) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  function move(step) {
    const all = options();
    if (all.length === 0) return;
    const from = all.indexOf(active());
    const start = from < 0 && step < 0 ? 0 : from;
    activate(all[(start + step + all.length) % all.length]);
  }

  function enter() {
    if (upToDate()) {
      if (active()) choose(active());
    } else if (answered === typed()) {
      openAgain();
    } else if (typed() !== "") {
      entered = true;
      if (asked !== typed()) ask();
    }
  }

  function key(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (pop.hidden) openAgain();
      else if (upToDate()) move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      enter();
    } else if (event.key === "Escape" && !pop.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  }

  input.addEventListener("input", textChanged);
  input.addEventListener("keydown", key);
  input.addEventListener("click", () => {
    if (pop.hidden) openAgain();
  });
  root.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !root.contains(event.relatedTarget)) close();
  });
  // The focus stays in the box while a row is pressed.
  pop.addEventListener("pointerdown", (event) => {
    if (event.target.closest('[role="option"]')) event.preventDefault();
  });
  pop.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option && upToDate()) choose(option);
  });

  return {
    input,
    close,
    /** Ask again for the same text, with something more; then Enter works on that answer. */
    again: (more) => ask(more),
    /** Start anew with this text; nothing is asked when it is empty. */
    start(text) {
      answered = null;
      input.value = text;
      close();
      textChanged();
    },
  };
}

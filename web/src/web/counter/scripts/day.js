// The day of a sale: typed in any way, read by the server, and followed over midnight.

import { explain, send } from "../../shared/scripts/forms/exchange.js";
import { htmlOf } from "../../shared/scripts/forms/failure.js";
import { say } from "../../shared/scripts/say.js";
import { missingOf } from "./words.js";

const PAUSE = 200; // milliseconds without a key before the day is read
const QUARTER = 15 * 60_000; // milliseconds; wherever the shop is, its midnight falls on one
const quarter = () => Math.floor(Date.now() / QUARTER);

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} step
 * @param {{ changed: () => void, settled: () => void }} on changed: what is known of the day;
 *   settled: it stands, go on
 */
export function dayStep(form, step, { changed, settled }) {
  const { sold_on, day_confirmed } = form.elements;
  const calendar = form.querySelector("[data-calendar]");
  let question = 0;
  let pause = 0;

  /** Whether what is known of the day is about the text that stands in its field. */
  const isRead = () => sold_on.dataset.read === sold_on.value && !("refused" in sold_on.dataset);
  const isConfirmed = () => day_confirmed.value === sold_on.dataset.day;
  const isSettled = () => isRead() && (!("asks" in sold_on.dataset) || isConfirmed());

  /** `typing`: the text stays as it is, and an emptied field is not today yet. */
  async function understand({ typing = false } = {}) {
    clearTimeout(pause);
    question += 1;
    const number = question;
    const text = sold_on.value;
    if (typing && text.trim() === "") {
      explain(step, { sold_on: `<p class="field__hint">${missingOf(["sold_on"])}</p>` });
      return;
    }
    let answer;
    try {
      answer = await send("/comptoir/dates", { sold_on: text, day_confirmed: day_confirmed.value });
    } catch (failure) {
      answer = { fields: { sold_on: htmlOf(failure) } };
    }
    if (number !== question) return;
    take(answer, typing ? text : (answer.short ?? text));
    changed();
  }

  /** What the server says of the day; `text` is what then stands in the field. */
  function take({ day = "", words = "", short = "", asks = false, fields }, text) {
    if (sold_on.value !== text) sold_on.value = text;
    Object.assign(sold_on.dataset, { read: text, day, words, short });
    sold_on.toggleAttribute("data-refused", day === "");
    sold_on.toggleAttribute("data-asks", asks);
    explain(step, fields);
  }

  const isToday = () => sold_on.value === sold_on.dataset.today;

  /** What keeps the day from being settled, in words; nothing when it is. */
  function lacking() {
    if (isSettled()) return "";
    if (sold_on.value.trim() === "") return missingOf(["sold_on"]);
    if (isRead()) return say("confirm_date");
    const isRefused = "refused" in sold_on.dataset;
    return say(isRefused ? "correct_date" : "reading_date");
  }

  let lookedAt = quarter();

  /** A page that stayed open overnight goes on with the day that has begun. */
  async function lookAtDay() {
    if (document.hidden || quarter() === lookedAt) return;
    lookedAt = quarter();
    const answer = await send("/comptoir/dates", { sold_on: "" }).catch(() => null);
    if (!answer?.day || answer.short === sold_on.dataset.today) return;
    const follows = isToday();
    sold_on.dataset.today = answer.short;
    calendar.max = answer.day;
    step.querySelector("[data-weekday]").textContent = answer.weekday;
    if (follows) take(answer, answer.short);
    changed();
  }

  for (const sign of ["focus", "keydown", "pointerdown"]) addEventListener(sign, lookAtDay);
  document.addEventListener("visibilitychange", lookAtDay);

  sold_on.addEventListener("input", () => {
    question += 1;
    clearTimeout(pause);
    pause = setTimeout(() => understand({ typing: true }), PAUSE);
  });
  sold_on.addEventListener("change", () => understand());
  sold_on.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
    event.preventDefault();
    await understand();
    if (isSettled()) settled();
    else step.querySelector("[data-confirm-day]")?.focus();
  });
  step.addEventListener("click", async (event) => {
    const yes = event.target.closest("[data-confirm-day]");
    if (!yes) return;
    day_confirmed.value = yes.dataset.confirmDay;
    await understand();
    settled();
  });
  calendar.addEventListener("change", () => {
    sold_on.value = calendar.value;
    understand();
  });
  form.querySelector("[data-open-calendar]").addEventListener("click", () => {
    calendar.value = sold_on.dataset.day;
    calendar.showPicker();
  });

  return { isRead, isSettled, isToday, lacking, take, understand };
}

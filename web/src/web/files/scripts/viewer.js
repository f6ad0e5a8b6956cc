// Pictures of an exchange, one over the page: zoom, turning, the next one by arrow or by a stroke.

import { say } from "../../shared/scripts/say.js";

const STEPS = [1, 1.5, 2, 3, 4, 6];
const STROKE = 60; // pixels of a finger that lead to the next picture

let dialog, image, shown, step, turns;

const all = () => {
  const seen = new Set();
  return /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-picture]")]).filter(
    ({ dataset }) => !seen.has(dataset.picture) && seen.add(dataset.picture),
  );
};

const BUTTONS = [
  ["previous", "left", "picture_previous"],
  ["out", "zoom-out", "zoom_out"],
  ["in", "zoom-in", "zoom_in"],
  ["turn", "turn", "picture_turn"],
  ["next", "right", "picture_next"],
  ["close", "x", "close"],
];

function make() {
  dialog = document.createElement("dialog");
  dialog.className = "viewer no-print";
  dialog.innerHTML =
    '<p class="viewer__name" role="status"></p><div class="viewer__place" tabindex="0"><div class="viewer__frame"><img alt=""></div></div><div class="viewer__bar"></div>';
  const bar = dialog.querySelector(".viewer__bar");
  for (const [act, sign, words] of BUTTONS) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn--icon";
    button.dataset.act = act;
    button.setAttribute("aria-label", say(words));
    button.innerHTML = `<svg class="icon" aria-hidden="true"><use href="#i-${sign}"/></svg>`;
    bar.append(button);
  }
  const original = document.createElement("a");
  original.className = "btn";
  original.download = "";
  original.dataset.act = "original";
  original.textContent = say("original");
  bar.insertBefore(original, bar.lastElementChild);
  image = dialog.querySelector("img");
  image.addEventListener("error", () => {
    dialog.querySelector(".viewer__name").textContent = say("picture_gone");
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    all()
      .find(({ dataset }) => dataset.picture === shown)
      ?.focus();
  });
  dialog.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act in ACTS) ACTS[act]();
    else if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("dblclick", (event) => {
    if (event.target === image) zoom(step ? -step : 2);
  });
  dialog.addEventListener("keydown", pressed);
  stroked(dialog.querySelector(".viewer__place"));
}

const ACTS = {
  previous: () => move(-1),
  next: () => move(1),
  in: () => zoom(1),
  out: () => zoom(-1),
  turn: () => turn(),
  close: () => dialog.close(),
};
const KEYS = {
  ArrowLeft: "previous",
  ArrowRight: "next",
  "+": "in",
  "=": "in",
  "-": "out",
  r: "turn",
};

function pressed(event) {
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  // Of a picture that is larger than its place, arrows show the rest.
  if (step && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  ACTS[act]();
}

function stroked(place) {
  let from = null;
  place.addEventListener("pointerdown", (event) => {
    from = event.pointerType === "mouse" || step ? null : event.clientX;
  });
  place.addEventListener("pointerup", (event) => {
    const way = from === null ? 0 : event.clientX - from;
    from = null;
    if (Math.abs(way) > STROKE) move(way > 0 ? -1 : 1);
  });
}

function open(link) {
  if (!dialog) make();
  document.body.append(dialog);
  show(link);
  dialog.showModal();
  dialog.querySelector(".viewer__place").focus();
}

function show(link) {
  const links = all();
  const at = links.findIndex(({ dataset }) => dataset.picture === link.dataset.picture);
  shown = link.dataset.picture;
  step = 0;
  turns = 0;
  image.src = link.getAttribute("href");
  image.alt = link.dataset.name;
  const name = dialog.querySelector(".viewer__name");
  name.textContent = say("picture_of", {
    name: link.dataset.name,
    number: at + 1,
    count: links.length,
  });
  for (const [act, off] of [
    ["previous", at === 0],
    ["next", at === links.length - 1],
  ])
    dialog.querySelector(`[data-act=${act}]`).disabled = off;
  const original = dialog.querySelector("[data-act=original]");
  original.hidden = !link.dataset.original;
  if (link.dataset.original) original.href = link.dataset.original;
  draw();
}

function move(by) {
  const links = all();
  const at = links.findIndex(({ dataset }) => dataset.picture === shown) + by;
  if (links[at]) show(links[at]);
}

function zoom(by) {
  step = Math.max(0, Math.min(STEPS.length - 1, step + by));
  draw();
}

function turn() {
  turns = (turns + 1) % 4;
  draw();
}

function draw() {
  const place = dialog.querySelector(".viewer__place");
  place.style.setProperty("--zoom", String(STEPS[step]));
  image.style.setProperty("--turn", `${turns * 90}deg`);
  image.dataset.turned = String(turns % 2 === 1);
  place.scrollTo(
    (place.scrollWidth - place.clientWidth) / 2,
    (place.scrollHeight - place.clientHeight) / 2,
  );
  dialog.querySelector("[data-act=out]").disabled = step === 0;
  dialog.querySelector("[data-act=in]").disabled = step === STEPS.length - 1;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link);
});

// The queue: arrows between its lines, further pages below, and the search in its filters.

import { combobox } from "../../shared/scripts/combobox.js";
import { send } from "../../shared/scripts/forms/exchange.js";
import { readAgain } from "../../shared/scripts/live.js";
import { ask } from "../../shared/scripts/session.js";

document.querySelector(".qitem[aria-current]")?.scrollIntoView({ block: "nearest" });

document.addEventListener("keydown", (event) => {
  const item = event.target.closest?.("[data-queue] .qitem");
  if (!item || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
  const line = item.closest("li");
  const next = event.key === "ArrowDown" ? line.nextElementSibling : line.previousElementSibling;
  next?.querySelector(".qitem").focus();
  event.preventDefault();
});

// The next page comes below this one.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  const queue = document.querySelector("#queue");
  const address = `/demandes/file${new URL(link.href).search}`;
  const page = await readAgain(address);
  if (!page) return location.assign(link.href);
  const list = queue.querySelector("[data-queue]");
  const lines = [...page.querySelectorAll("[data-queue] > li")].filter(
    (line) => !list.querySelector(`[data-number="${line.dataset.number}"]`),
  );
  if (!lines.length) return location.assign(link.href);
  list.append(...lines);
  const more = page.querySelector("[data-more]");
  if (more) link.replaceWith(more);
  else link.closest(".pager").remove();
  lines[0].querySelector(".qitem").focus();
});

// Who may have answered is asked when the filters open.
document.addEventListener(
  "toggle",
  async (event) => {
    const staff = event.target.open && event.target.querySelector?.("[data-staff]");
    if (!staff) return;
    const answer = await ask(staff.dataset.staff).catch(() => null);
    if (!answer?.ok) return;
    staff.removeAttribute("data-staff");
    for (const { id, name } of (await answer.json()).staff) {
      if (![...staff.options].some((option) => option.value === id))
        staff.add(new Option(name, id));
    }
  },
  { capture: true },
);

// --- The filter on a product ------------------------------------------------------------------

const filters = document.querySelector("[data-filters]");
const chosen = filters?.elements.produit;

if (filters) {
  const products = combobox(filters.querySelector("[data-products]"), {
    search: (text, signal, more) => send("/comptoir/produits", { text, ...more }, { signal }),
    choose(option) {
      if (option.dataset.action) {
        products.again({ withdrawn: "true" });
        return;
      }
      products.input.value = option.dataset.designation;
      products.close();
      chosen.value = option.dataset.id;
    },
  });
  products.input.addEventListener("input", () => (chosen.value = ""));
}

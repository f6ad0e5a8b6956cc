// Drafts on the server: forms with data-keep send what is typed there, at most two seconds later.
// Until the server has it, this tab keeps it too (drafts.js), and what only this tab has wins.

import { post } from "../session.js";

const EVERY = 1_200;

const forms = new Map(); // form → { timer, saving, saved, typed }

const state = (form) => {
  if (!forms.has(form))
    forms.set(form, {
      timer: undefined,
      saving: Promise.resolve(),
      saved: valuesOf(form),
      typed: false,
    });
  return forms.get(form);
};

const ownKey = (form) => `guichet-draft/${form.dataset.draft}`;

function valuesOf(form) {
  const fields = new FormData(form);
  fields.delete("form_token");
  fields.delete("form_key");
  return JSON.stringify([...fields]);
}

function changed(form) {
  const kept = state(form);
  kept.typed = true;
  kept.timer ??= setTimeout(() => save(form), EVERY);
}

// What nobody has typed here must not take the place of what somebody typed elsewhere: the clock
// and live updates change fields too.

function save(form) {
  const kept = state(form);
  clearTimeout(kept.timer);
  kept.timer = undefined;
  const values = valuesOf(form);
  kept.typed &&= values !== kept.saved;
  if (!kept.typed || form.dataset.sending || form.dataset.sent || !form.isConnected)
    return kept.saving;
  kept.saving = kept.saving.then(async () => {
    const answer = await post(form.dataset.keep, new FormData(form), { quietly: true });
    if (!answer?.ok) {
      say(form, "Brouillon gardé dans cet onglet seulement");
      // What was sent meanwhile is a draft no more, however often it is tried.
      if (answer?.status !== 409) kept.timer ??= setTimeout(() => save(form), 5 * EVERY);
      return;
    }
    kept.saved = values;
    if (values === valuesOf(form)) {
      kept.typed = false;
      sessionStorage.removeItem(ownKey(form));
    }
    const isBegun = [...form.querySelectorAll("textarea")].some((field) => field.value.trim());
    say(form, isBegun ? "Brouillon enregistré" : "");
  });
  return kept.saving;
}

function say(form, words) {
  const place = form.querySelector("[data-draft-state]");
  if (place && place.textContent !== words) place.textContent = words;
}

// What is sent is a draft no more: nothing that was on its way may come after it.
export async function beforeSending(form) {
  if (!forms.has(form)) return;
  const kept = state(form);
  clearTimeout(kept.timer);
  kept.timer = undefined;
  await kept.saving;
}

function ready() {
  for (const form of forms.keys()) if (!form.isConnected) forms.delete(form); // left behind
  for (const form of document.querySelectorAll("form[data-keep]")) {
    if (forms.has(form)) continue;
    state(form);
    if (sessionStorage.getItem(ownKey(form))) {
      state(form).saved = ""; // drafts.js has put it there
      changed(form);
    }
  }
}
ready();
document.addEventListener("shown", ready);

for (const name of ["input", "change"]) {
  document.addEventListener(name, (event) => {
    const form = event.target.form;
    if (form?.matches("[data-keep]")) changed(form);
  });
}
for (const name of ["pagehide", "leaving", "online", "signed-in"]) {
  addEventListener(name, () => {
    for (const form of forms.keys()) save(form);
  });
}

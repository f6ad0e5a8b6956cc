// Drafts on the server: forms with data-autosave send what is typed there, at most two seconds later.
// Until the server has it, this tab keeps it too (drafts.js), and what only this tab has wins.

import { say } from "../say.js";
import { post } from "../session.js";

const EVERY = 1_200;

const forms = new Map(); // form → { timer, saving, saved, typed }
const underWay = new Set();

// Whoever reads a draft back waits for what is on its way, but not for a server that is away.
export const allSaved = () =>
  Promise.race([
    Promise.allSettled(underWay),
    new Promise((givenUp) => setTimeout(givenUp, 2 * EVERY)),
  ]);

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

const storageKey = (form) => `guichet-draft/${form.dataset.draft}`;

function valuesOf(form) {
  const fields = new FormData(form);
  fields.delete("form_token");
  fields.delete("form_key");
  return JSON.stringify([...fields]);
}

function changed(form) {
  const draft = state(form);
  draft.typed = true;
  draft.timer ??= setTimeout(() => save(form), EVERY);
}

// What nobody has typed here must not take the place of what somebody typed elsewhere: the clock
// and live updates change fields too.

function save(form) {
  const draft = state(form);
  clearTimeout(draft.timer);
  draft.timer = undefined;
  const values = valuesOf(form);
  draft.typed &&= values !== draft.saved;
  if (!draft.typed || form.dataset.sending || form.dataset.sent || !form.isConnected)
    return draft.saving;
  draft.saving = draft.saving.then(async () => {
    const answer = await post(form.dataset.autosave, new FormData(form), { quietly: true });
    if (!answer?.ok) {
      showState(form, say("draft_in_tab"));
      // What was sent meanwhile is a draft no more, however often it is tried.
      if (answer?.status !== 409) draft.timer ??= setTimeout(() => save(form), 5 * EVERY);
      return;
    }
    draft.saved = values;
    if (values === valuesOf(form)) {
      draft.typed = false;
      sessionStorage.removeItem(storageKey(form));
    }
    showState(form, hasText(form) ? say("draft_saved") : "");
  });
  const { saving } = draft;
  underWay.add(saving);
  saving.finally(() => underWay.delete(saving)).catch(() => {});
  return saving;
}

const hasText = (form) =>
  [...form.querySelectorAll("textarea")].some((field) => field.value.trim());

function showState(form, words) {
  const place = form.querySelector("[data-draft-state]");
  if (place && place.textContent !== words) place.textContent = words;
}

// What is sent is a draft no more: nothing that was on its way may come after it.
export async function beforeSending(form) {
  if (!forms.has(form)) return;
  const draft = state(form);
  clearTimeout(draft.timer);
  draft.timer = undefined;
  await draft.saving;
}

function ready() {
  for (const form of forms.keys()) if (!form.isConnected) forms.delete(form); // left behind
  for (const form of document.querySelectorAll("form[data-autosave]")) {
    if (forms.has(form)) continue;
    state(form);
    if (sessionStorage.getItem(storageKey(form))) {
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
    if (form?.matches("[data-autosave]")) changed(form);
  });
}
for (const name of ["pagehide", "leaving", "online", "signed-in"]) {
  addEventListener(name, () => {
    for (const form of forms.keys()) save(form);
  });
}

// The server has one draft for a person and a thing, which ends with what another tab sends. What
// was begun here by itself is saved again; a key of its own says so.
new BroadcastChannel("guichet-drafts").addEventListener("message", ({ data }) => {
  for (const form of forms.keys()) {
    const isOther = form.elements.form_key.value !== data.key;
    if (form.dataset.draft !== data.draft || !isOther || !hasText(form)) continue;
    state(form).saved = "";
    changed(form);
    save(form);
  }
});

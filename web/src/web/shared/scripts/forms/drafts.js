// What is being typed survives a wrong click: saved in this tab until it is sent or the person
// signs out. Forms say so with data-draft, a name that holds for one person and one thing. The
// form's key is saved with it: sent although nobody knows whether it was before, it acts once.

const PREFIX = "guichet-draft/";
const SENT = "guichet-draft-sent";
const SENT_KEY = "guichet-draft-sent-key";

const fields = (form) =>
  form.querySelectorAll(
    "textarea[name], input[type=text][name]:not([hidden]), input[name=form_key]",
  );

function keep(form) {
  const typed = [...fields(form)].map((field) => [field.name, field.value]);
  const key = PREFIX + form.dataset.draft;
  if (typed.some(([name, value]) => name !== "form_key" && value.trim()))
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(typed)));
  else sessionStorage.removeItem(key);
}

function restore(form) {
  const saved = JSON.parse(sessionStorage.getItem(PREFIX + form.dataset.draft) ?? "{}");
  // What the page came with has a key of its own already.
  if ([...form.querySelectorAll("textarea")].some((field) => field.value)) delete saved.form_key;
  // Where the server keeps drafts, this tab has only what did not get there.
  for (const field of fields(form)) {
    if ("autosave" in form.dataset || field.name === "form_key")
      field.value = saved[field.name] || field.value;
    else field.value ||= saved[field.name] ?? "";
  }
}

try {
  // Sent is only what a later page says it did: a session may have ended in between.
  if (document.querySelector("[data-done]")) {
    const [draft, key] = [SENT, SENT_KEY].map((name) => sessionStorage.getItem(name));
    const tabs = new BroadcastChannel("guichet-drafts");
    tabs.postMessage({ draft, key });
    tabs.close();
    for (const name of [PREFIX + draft, SENT, SENT_KEY]) sessionStorage.removeItem(name);
  }
  document.querySelectorAll("form[data-draft]").forEach(restore);
  document.addEventListener("opened", () =>
    document.querySelectorAll("form[data-draft]").forEach(restore),
  );
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form) keep(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.draft) {
      sessionStorage.setItem(SENT, event.target.dataset.draft);
      sessionStorage.setItem(SENT_KEY, event.target.elements.form_key?.value ?? "");
    }
    if (event.target.getAttribute("action") === "/deconnexion") sessionStorage.clear();
  });
} catch {
  // Where the browser keeps nothing, nothing is restored.
}

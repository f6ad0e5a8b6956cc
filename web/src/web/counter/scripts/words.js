// What the counter says by itself, without asking the server.

import { PASSWORD_SHORTEST } from "../../shared/scripts/generated/limits.js";

const characters = (count) => (count === 1 ? "1 caractère" : `${count} caractères`);

export function passwordLength(length) {
  if (length === 0) return `${PASSWORD_SHORTEST} caractères au minimum`;
  if (length < PASSWORD_SHORTEST)
    return `${characters(length)}, encore ${PASSWORD_SHORTEST - length} au moins`;
  return `${characters(length)}\u00a0: c’est bon (${PASSWORD_SHORTEST} au minimum)`;
}

export const PASSWORDS_DIFFER = "Les deux mots de passe sont différents.";

export const CATCHING_UP = "Reprise de la vente commencée…";
export const READY = "Tout est prêt. Ctrl Entrée pour enregistrer.";
export const READY_BY_TOUCH = "Tout est prêt.";
export const CONFIRM_WITHDRAWN = "Confirmez la vente du produit retiré.";
export const CORRECT_SERIAL = "Le n°\u00a0de série est à corriger.";
export const INCOMPLETE_SERIAL = "Le n°\u00a0de série est incomplet.";
export const CONFIRM_SERIAL = "Le n°\u00a0de série est à confirmer.";
export const UNDECIDED = {
  customer: "Choisissez le client, ou Échap.",
  product: "Choisissez le produit, ou Échap.",
};
export const READING_DATE = "Lecture de la date…";
export const CONFIRM_DATE = "Confirmez la date de vente.";
export const CORRECT_DATE = "La date de vente est à corriger.";

export const MISSING = {
  customer: "le client",
  password: "le mot de passe",
  product: "le produit",
  serial_number: "le n°\u00a0de série",
  sold_on: "la date de vente",
};

export function missing(names) {
  const parts = names.map((name) => MISSING[name]);
  const last = parts.pop();
  return parts.length ? `Il manque ${parts.join(", ")} et ${last}.` : `Il manque ${last}.`;
}

export const SAVED = "Saisie conservée";
export const SAVED_IN_TAB = "Saisie gardée dans cet onglet seulement, pour l’instant";
export const CLEARED = "Saisie vidée.";
export const SET_ASIDE = "Une saisie de cet onglet est mise de côté.";

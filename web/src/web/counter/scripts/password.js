// « Nouveau mot de passe » in a customer's file: the same hand-over as at the counter.

import { send } from "../../shared/scripts/forms/exchange.js";
import { handover } from "./handover.js";

const dialog = handover(document.querySelector("#handover"));

for (const button of document.querySelectorAll("[data-new-password]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const { newPassword, name, email } = button.dataset;
    dialog.open({
      name,
      email,
      save: (password) => send(newPassword, { password }),
      saved: (answer) => location.assign(answer.location),
    });
  });
}

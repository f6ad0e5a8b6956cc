// The theme: as the system says, or light, or dark. Loaded before the page is drawn, so that
// nothing flashes; everything works without it.
(() => {
  const root = document.documentElement;
  const key = "guichet-theme";
  const themes = ["auto", "light", "dark"];
  const symbols = { auto: "theme", light: "sun", dark: "moon" };

  const stored = () => {
    try {
      return themes.includes(localStorage.getItem(key)) ? localStorage.getItem(key) : "auto";
    } catch {
      return "auto";
    }
  };

  const apply = (theme) => {
    if (theme === "auto") root.removeAttribute("data-theme");
    else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.setAttribute("aria-label", button.dataset[theme]);
      button.querySelector("use")?.setAttribute("href", `#i-${symbols[theme]}`);
    }
  };

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => apply(stored()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = themes[(themes.indexOf(stored()) + 1) % themes.length];
    try {
      localStorage.setItem(key, theme);
    } catch {
      // Private windows may keep nothing: the choice then lasts as long as the page.
    }
    apply(theme);
  });
})();

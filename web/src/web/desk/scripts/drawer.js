// What stands beside a request opens over it where the window has no room for both.

function ready() {
  const side = document.getElementById("context");
  const drawer = document.getElementById("drawer");
  const opener = document.querySelector("[data-drawer]");
  if (!side || !opener) return;
  const beside = document.createComment("beside");
  side.before(beside);
  opener.hidden = false;
  opener.addEventListener("click", () => {
    drawer.append(side);
    drawer.showModal();
  });
  drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
  drawer.addEventListener("close", () => beside.after(side));
}

ready();
document.addEventListener("opened", ready);
matchMedia("(min-width: 80rem)").addEventListener("change", () =>
  document.getElementById("drawer")?.close(),
);

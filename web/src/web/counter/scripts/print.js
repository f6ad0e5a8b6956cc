// Print the confirmation on A5, or on the 80 mm roll of a receipt printer.

// Enter begins the next sale; on a phone the button is below what was recorded, which stays in view.
document.querySelector("[data-focus]").focus({ preventScroll: true });

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.paper = button.dataset.print;
    print();
  });
}

addEventListener("afterprint", () => {
  delete document.documentElement.dataset.paper;
});

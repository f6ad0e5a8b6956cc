// Print the confirmation on A5, or on the 80 mm roll of a receipt printer.

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

// What somebody reads or types stays where it is on the screen, whatever changes around it.

export function steady(part, change) {
  const before = part?.getBoundingClientRect().top;
  change();
  if (!part?.isConnected) return;
  const lack = () => part.getBoundingClientRect().top - before;
  scrollBy(0, lack());
  if (lack() < 1) return;
  // A page too short to scroll that far gets room at its end.
  document.body.style.minBlockSize = `${scrollY + lack() + innerHeight}px`;
  scrollWhile(lack);
}

// The room at the end may be there with the next frame only.
function scrollWhile(lack, tries = 5) {
  scrollBy(0, lack());
  if (lack() >= 1 && tries > 0) requestAnimationFrame(() => scrollWhile(lack, tries - 1));
}

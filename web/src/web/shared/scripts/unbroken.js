// An address as web/unbroken.py shows it: its lines end between pieces, never inside one.

import { LONGEST_PIECE } from "./generated/limits.js";

export function showUnbroken(place, text) {
  place.replaceChildren(
    ...text.split(/(\s+)/).flatMap((word) => (word.includes("@") ? pieces(word) : [word])),
  );
}

function pieces(address) {
  return address
    .split(/(?=@)/)
    .flatMap((part) => (part.length > LONGEST_PIECE ? part.split(/(?<=[._+/-])/) : [part]))
    .flatMap((piece, index) => [...(index ? [document.createElement("wbr")] : []), held(piece)]);
}

function held(piece) {
  if (piece.length > LONGEST_PIECE) return piece;
  const whole = document.createElement("span");
  whole.className = "nowrap";
  whole.textContent = piece;
  return whole;
}

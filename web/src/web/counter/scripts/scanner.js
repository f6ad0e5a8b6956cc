// Tell a barcode scanner from a person: it types its characters faster than anybody can,
// then Enter, Tab, CR or LF.

const GAP = 80; // milliseconds that two keys of one scan may be apart, on a slow link
const SHORTEST = 4; // characters that fingers may happen to press at once
const PACE = 35; // milliseconds per key on average; the fastest typists need about 60

/**
 * Hand over every scan that is `ours`, wherever the focus is, and undo what it typed there. Any
 * other stays where it was typed; its end is as good as Enter there.
 *
 * @param ours  (text) => boolean
 * @param onScan (text) => void
 * @param deaf  (element) => boolean: scans that start in this element are none of ours
 * @param holds (element) => boolean: a scan that ends with Tab does not leave this element
 */
export function listenToScanner({ ours, onScan, deaf, holds }) {
  let scan = null;
  let ended = -Infinity;

  function start(event) {
    const element = document.activeElement;
    return {
      text: "",
      element,
      before: "value" in element ? element.value : null,
      since: event.timeStamp,
      last: event.timeStamp,
    };
  }

  function tooSlow(event) {
    return (
      event.timeStamp - scan.last > GAP ||
      event.timeStamp - scan.since > scan.text.length * PACE + GAP
    );
  }

  function finish({ text, element, before }) {
    if (before !== null && element.value !== before) {
      element.value = before;
      element.dispatchEvent(new Event("input", { bubbles: true }));
    }
    onScan(text);
  }

  function key(event) {
    if (MODIFIERS.has(event.key)) return;
    if (isEnd(event)) {
      end(event);
      return;
    }
    ended = -Infinity;
    if (isPlain(event)) {
      if (!scan || tooSlow(event)) scan = start(event);
      scan.text += event.key;
      scan.last = event.timeStamp;
    } else {
      // A control character in the middle of a scan would be a shortcut of the browser.
      const isControl = event.ctrlKey && event.key.length === 1;
      if (isControl && isBurst(event)) swallow(event);
      scan = null;
    }
  }

  function end(event) {
    const burst = isBurst(event) ? scan : null;
    scan = null;
    if (event.timeStamp - ended < GAP) {
      swallow(event); // of CR and LF, the second
    } else if (burst && ours(burst.text) && !deaf(burst.element)) {
      swallow(event);
      finish(burst);
    } else if (burst && (event.ctrlKey || (event.key === "Tab" && holds(burst.element)))) {
      swallow(event); // LF would be a shortcut of the browser
      event.target.dispatchEvent(enter());
    }
    if (burst) ended = event.timeStamp;
  }

  const isBurst = (event) => scan && scan.text.length > SHORTEST && !tooSlow(event);

  document.addEventListener("keydown", key, { capture: true });
}

const MODIFIERS = new Set(["Shift", "CapsLock", "AltGraph", "Control", "Alt", "NumLock"]);

/** Enter and Tab; LF and CR come as Ctrl+J and Ctrl+M from some scanners. */
function isEnd(event) {
  if (event.ctrlKey) return event.key === "j" || event.key === "m";
  return (event.key === "Enter" || event.key === "Tab") && !event.shiftKey;
}

function isPlain(event) {
  if (event.repeat || event.isComposing || [...event.key].length !== 1) return false;
  return !(event.ctrlKey || event.altKey || event.metaKey) || event.getModifierState("AltGraph");
}

const enter = () => new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });

function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

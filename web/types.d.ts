// What scripts may ask of the elements of our pages, beyond what the DOM's own types let them: which
// kind of element a selector finds, or an event is about, the page decides and no type can know.

interface ParentNode {
  querySelector<Kind extends Element = Found>(selectors: string): Kind | null;
  querySelectorAll<Kind extends Element = Found>(selectors: string): NodeListOf<Kind>;
}

interface Document {
  getElementById<Kind extends HTMLElement = Found>(id: string): Kind | null;
  addEventListener(name: string, listener: (event: Heard) => void, options?: object): void;
}

interface HTMLElement {
  addEventListener(name: string, listener: (event: Heard) => void, options?: object): void;
}

interface Element {
  closest<Kind extends Element = Found>(selectors: string): Kind | null;
}

interface Found extends HTMLElement {
  value: string;
  max: string;
  type: string;
  placeholder: string;
  selectionStart: number;
  selectionEnd: number;
  open: boolean;
  elements: any;
  action: string;
  close(): void;
  showModal(): void;
  showPicker(): void;
  requestSubmit(submitter?: HTMLElement): void;
  setRangeText(text: string, start: number, end: number, mode?: SelectionMode): void;
}

/** Our listeners hear of elements of the page; htmx's and our own events say more in `detail`. */
interface Heard extends KeyboardEvent {
  clipboardData?: DataTransfer;
  dataTransfer?: DataTransfer;
  readonly target: any;
  readonly relatedTarget: HTMLElement | null;
  readonly submitter: HTMLElement | null;
  readonly detail: any;
}

/** A form has no files here: all it holds is text. */
interface FormData {
  [name: string]: any;
}

type Fields = FormData | URLSearchParams | Record<string, string>;

interface PerformanceEntry {
  readonly type?: NavigationTimingType; // of the one that led here
}

interface HTMLFormControlsCollection {
  [name: string]: any;
}

interface HTMLFormElement {
  addEventListener(name: string, listener: (event: Heard) => void, options?: object): void;
}

/** The sentences of scripts: web/shared/words/scripts.py. */
declare const GUICHET: { language: string; sentences: Record<string, any> };

/** What the menu asks and tells, as a port: `clack_prompts.ts` is the real one, tests answer from a script. */

/** One of the answers that a question offers. */
export interface Choice<T extends string = string> {
  value: T;
  label: string;
  /** Said beside the label while it is the current one. */
  hint?: string;
}

/** A choice among a few. */
export interface SelectQuestion<T extends string> {
  message: string;
  choices: readonly Choice<T>[];
  /** The one that is current at first; the first one unless told. */
  first?: T;
}

/** A choice among many, narrowed down by typing. */
export interface SearchQuestion {
  message: string;
  choices: readonly Choice[];
  /** Which choices fit what was typed; by their labels unless told. */
  matcher?: (typed: string) => (value: string) => boolean;
}

/** A text to be typed. */
export interface TextQuestion {
  message: string;
  /** What stands there already. */
  initial?: string;
  /** Shown while nothing is typed. */
  placeholder?: string;
  /** Says what is wrong with a text, if anything is. */
  fault?: (text: string) => string | undefined;
}

/** A question to be answered with yes or no. */
export interface ConfirmQuestion {
  message: string;
  yes: string;
  no: string;
  /** What Enter alone means. */
  first: boolean;
}

/** How something that is told is meant. */
export type Tone = "info" | "good" | "warn" | "error";

/** Thrown by every question when the person goes back instead of answering: Ctrl-C, or Escape. */
export class WentBack extends Error {
  override name = "WentBack";
  constructor() {
    super("The person went back");
  }
}

/** Asks and tells. Texts of others are made printable before they get here. */
export interface Prompts {
  select<T extends string>(question: SelectQuestion<T>): Promise<T>;
  search(question: SearchQuestion): Promise<string>;
  text(question: TextQuestion): Promise<string>;
  confirm(question: ConfirmQuestion): Promise<boolean>;
  /** Tells something, in a sentence or a few lines. */
  tell(tone: Tone, text: string): void;
  /**
   * Does something that may take long; Ctrl-C and Escape abort the signal meanwhile.
   */
  busy<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Does the same with something that may go on by itself.
   *
   * @returns "aside" when the person wants the menu back meanwhile; from then on nothing here ends the work.
   */
  busyOrAside(work: (signal: AbortSignal) => Promise<void>): Promise<"done" | "aside">;
  /** Shows something that changes, until the person has seen enough: any of Enter, Escape and Ctrl-C. */
  watch(lines: () => Promise<readonly string[]>): Promise<void>;
}

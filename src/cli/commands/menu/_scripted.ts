/** For tests only: prompts that answer from a script, and write down what was asked and told. */

import { LabError } from "../../../base/errors.ts";
import {
  type Prompts,
  type SearchQuestion,
  type SelectQuestion,
  type TextQuestion,
  WentBack,
} from "./prompts.ts";
import type { ConfirmQuestion, Tone } from "./prompts.ts";

/** The person presses Ctrl-C. */
export const BACK = { back: true } as const;

/** An answer: a value or text, yes or no, or what stands there already. */
export type Answer = string | boolean | { back: true } | { accept: true };

/** Takes what the question offers first. */
export const ACCEPT: Answer = { accept: true };

/** Prompts for tests. */
export class ScriptedPrompts implements Prompts {
  /** One line per question and per text told. */
  readonly transcript: string[] = [];
  /** The choices of the last select or search, as "value=label". */
  offered: string[] = [];
  #works = 0;

  /**
   * @param stop which long works, counted from 1, are stopped by Ctrl-C as they begin.
   * @param aside which of them are left to themselves.
   */
  constructor(
    private readonly answers: Answer[],
    private readonly stop: number[] = [],
    private readonly aside: number[] = [],
  ) {}

  select<T extends string>({ message, choices, first }: SelectQuestion<T>): Promise<T> {
    return this.#choose(
      "select",
      message,
      choices.map((c) => [c.value, c.label]),
      first ?? choices[0]!.value,
    );
  }

  search({ message, choices }: SearchQuestion): Promise<string> {
    return this.#choose("search", message, choices.map((c) => [c.value, c.label]), choices[0]!.value);
  }

  text({ message, initial = "", fault }: TextQuestion): Promise<string> {
    return this.#answer("text", message, (answer) => {
      const text = typeof answer === "string" ? answer : initial;
      const wrong = fault?.(text);
      if (wrong !== undefined) throw new Error(`The script answers ${message} with a fault: ${wrong}`);
      return text;
    });
  }

  confirm({ message, first }: ConfirmQuestion): Promise<boolean> {
    return this.#answer("confirm", message, (answer) => typeof answer === "boolean" ? answer : first);
  }

  tell(tone: Tone, text: string): void {
    this.transcript.push(`${tone}: ${text}`);
  }

  async busy<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    if (this.stop.includes(++this.#works)) stop.abort(new LabError("interrupted", "Stopped"));
    try {
      return await work(stop.signal);
    } catch (cause) {
      throw stop.signal.aborted ? stop.signal.reason : cause;
    }
  }

  async busyOrAside(work: (signal: AbortSignal) => Promise<void>): Promise<"done" | "aside"> {
    if (!this.aside.includes(++this.#works)) {
      this.#works--;
      await this.busy(work);
      return "done";
    }
    work(new AbortController().signal).catch(() => {});
    return "aside";
  }

  async watch(lines: () => Promise<readonly string[]>): Promise<void> {
    const until = this.answers.shift();
    let text: string;
    do text = (await lines()).join("\n"); while (!text.includes(String(until)));
    this.transcript.push(`watch: ${text}`);
  }

  #choose<T extends string>(kind: string, message: string, choices: [T, string][], first: T): Promise<T> {
    this.offered = choices.map(([value, label]) => `${value}=${label}`);
    return this.#answer(kind, message, (answer) => {
      const value = typeof answer === "string" ? answer : first;
      const found = choices.find(([each]) => each === value);
      if (!found) throw new Error(`${message} does not offer ${value}, but ${this.offered.join(", ")}`);
      return found[0];
    });
  }

  async #answer<T>(kind: string, message: string, read: (answer: Answer) => T): Promise<T> {
    await Promise.resolve();
    this.transcript.push(`${kind}: ${message}`);
    const answer = this.answers.shift();
    if (answer === undefined) throw new Error(`The script has no answer to ${message}`);
    if (answer === BACK) throw new WentBack();
    return read(answer);
  }
}

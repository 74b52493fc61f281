/** The menu's questions on a real terminal, over `@clack/prompts`. Only to be imported when there is one. */

import process from "node:process";
import { sleepOrLess, systemClock } from "../../../base/clock.ts";
import { LabError } from "../../../base/errors.ts";
import {
  autocomplete,
  confirm,
  isCancel,
  log,
  type Option,
  select,
  text,
  updateSettings,
} from "../../../deps/clack.ts";
import { repaint } from "../../live.ts";
import { shorten, wrapped } from "../../table.ts";
import { choiceLine } from "./choice_line.ts";
import {
  type Choice,
  type ConfirmQuestion,
  type Prompts,
  type SearchQuestion,
  type SelectQuestion,
  type TextQuestion,
  type Tone,
  WentBack,
} from "./prompts.ts";

/** Lines of a long list that are shown at once. */
const LIST_LINES = 10;
/** Columns in front of what is told. */
const TELL_MARGIN = 4;
const CTRL_C = 0x03;
const ESCAPE = 0x1b;
const LETTER_B = 0x62;
const ENTER = 0x0d;
const NEWLINE = 0x0a;
/** Between two looks at what changes, milliseconds. */
const WATCH_EVERY = 500;

/**
 * Makes the prompts.
 *
 * @param signal ends the question that is open, as if the person went back.
 */
export function clackPrompts(signal: AbortSignal): Prompts {
  // Never look for the variable ACCESSIBLE: the sandbox knows two variables, and this isn't one of them.
  updateSettings({ accessible: false });
  return new ClackPrompts(signal);
}

class ClackPrompts implements Prompts {
  constructor(private readonly signal: AbortSignal) {}

  async select<T extends string>({ message, choices, first }: SelectQuestion<T>): Promise<T> {
    return await this.#answer((signal) =>
      select<string>({
        message,
        options: choices.map(option),
        ...(first === undefined ? {} : { initialValue: first }),
        maxItems: Math.max(LIST_LINES, choices.length),
        showInstructions: false,
        signal,
      })
    ) as T;
  }

  async search({ message, choices, matcher }: SearchQuestion): Promise<string> {
    let typed: string | undefined;
    let matches: (value: string) => boolean = () => true;
    const filter = (now: string, { value }: Option<string>) => {
      // Called for each choice after each key: what was typed is looked at once.
      if (now !== typed) matches = matcher!(typed = now);
      return matches(value);
    };
    return await this.#answer((signal) =>
      autocomplete<string>({
        message,
        options: choices.map(option),
        placeholder: "type to search",
        maxItems: LIST_LINES,
        ...(matcher ? { filter } : {}),
        validate: (value) => value === undefined ? "Nothing fits: type something else" : undefined,
        signal,
      })
    );
  }

  async text({ message, initial, placeholder, fault }: TextQuestion): Promise<string> {
    const answer = await this.#answer((signal) =>
      text({
        message,
        ...(initial === undefined ? {} : { initialValue: initial }),
        ...(placeholder === undefined ? {} : { placeholder }),
        ...(fault ? { validate: (typed: string | undefined) => fault((typed ?? "").trim()) } : {}),
        signal,
      })
    );
    // Clack hands out nothing where nothing was typed.
    return ((answer as string | undefined) ?? "").trim();
  }

  async confirm({ message, yes, no, first }: ConfirmQuestion): Promise<boolean> {
    return await this.#answer((signal) =>
      confirm({ message, active: yes, inactive: no, initialValue: first, signal })
    );
  }

  tell(tone: Tone, text: string): void {
    const say = { info: log.info, good: log.success, warn: log.warn, error: log.error }[tone];
    // Clack wraps questions, but not what is told.
    say(text.split("\n").flatMap((line) => wrapped(line, columns() - TELL_MARGIN)).join("\n"));
  }

  async busy<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return await this.#listening(work);
  }

  /** Does something while keys are listened to: Ctrl-C and Escape stop it. */
  async #listening<T>(
    work: (signal: AbortSignal) => Promise<T>,
    onKeys: (bytes: Uint8Array) => void = () => {},
  ): Promise<T> {
    const stop = new AbortController();
    const onData = (bytes: Uint8Array) => {
      // An arrow key starts with Escape too, but doesn't end there.
      if (bytes.includes(CTRL_C) || (bytes.length === 1 && bytes[0] === ESCAPE)) {
        stop.abort(new LabError("interrupted", "Stopped"));
      } else onKeys(bytes);
    };
    process.stdin.setRawMode(true);
    process.stdin.on("data", onData);
    process.stdin.resume();
    try {
      return await work(AbortSignal.any([this.signal, stop.signal]));
    } catch (cause) {
      if (!stop.signal.aborted) throw cause;
      throw new LabError("interrupted", "Stopped", { cause });
    } finally {
      process.stdin.off("data", onData);
      process.stdin.pause();
      process.stdin.setRawMode(false);
    }
  }

  async busyOrAside(work: (signal: AbortSignal) => Promise<void>): Promise<"done" | "aside"> {
    log.message("Ctrl-C stops it; b brings the menu back while it goes on");
    const { promise: wanted, resolve: stepAside } = Promise.withResolvers<"aside">();
    let running: Promise<void> | undefined;
    let isAside = false;
    return await this.#listening(async (signal) => {
      running = work(signal);
      const how = await Promise.race([running.then(() => "done" as const), wanted]);
      isAside = how === "aside";
      return how;
    }, (bytes) => bytes.includes(LETTER_B) && stepAside("aside")).finally(() => {
      // Whoever keeps it hears how it ends.
      if (isAside) running?.catch(() => {});
    });
  }

  async watch(lines: () => Promise<readonly string[]>): Promise<void> {
    const enough = new AbortController();
    let drawn = 0;
    const draw = (now: readonly string[]) => {
      const rows = Math.max(1, (process.stdout.rows ?? 24) - 2);
      const kept = now.length > rows ? [...now.slice(0, rows - 1), `and ${now.length - rows + 1} more`] : now;
      const text = kept.map((line) => shorten(line, columns() - 1));
      process.stdout.write(repaint(drawn, text));
      drawn = text.length;
    };
    await this.#listening(async (signal) => {
      const over = AbortSignal.any([signal, enough.signal]);
      while (!over.aborted) {
        draw([...await lines(), "", "Enter brings the menu back"]);
        await sleepOrLess(systemClock, WATCH_EVERY, over);
      }
    }, (bytes) => (bytes.includes(ENTER) || bytes.includes(NEWLINE)) && enough.abort())
      // Ctrl-C is an answer, too.
      .catch((thrown) => {
        if (!(thrown instanceof LabError && thrown.code === "interrupted")) throw thrown;
      }).finally(() => process.stdout.write("\r\n"));
  }

  async #answer<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<Exclude<T, symbol>> {
    if (this.signal.aborted) throw new WentBack();
    const answer = await ask(this.signal);
    if (isCancel(answer)) throw new WentBack();
    return answer as Exclude<T, symbol>;
  }
}

const option = (choice: Choice): Option<string> => choiceLine(choice, columns);

function columns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/**
 * Tries inputs on a target. What leads to an outcome that none led to before is kept and changed further; so a target finds
 * its way past one check after the other. The same seed gives the same inputs.
 */

import { type Bytes, utf8 } from "../../src/base/bytes.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { mutateBytes, mutateJson, oneOf, pick } from "./mutate.ts";

/** What is tried, and what must hold. */
export interface Target {
  readonly name: string;
  /** Well-formed inputs to begin with; at least one. */
  seeds(): Bytes[];
  /** More of them, at random. */
  fresh?(random: Random): Bytes;
  /** The inputs are JSON: they are changed by their structure, too. */
  readonly isJson?: boolean;
  /** Longest input, bytes; 4,096 unless told. */
  readonly most?: number;
  /**
   * Tries an input.
   *
   * @returns a word for what came of it: inputs with a new one are kept.
   * @throws when a rule is broken: a crasher.
   */
  run(input: Bytes): string | Promise<string>;
}

/** An input that breaks a rule. */
export interface Crasher {
  target: string;
  input: Bytes;
  thrown: unknown;
}

/** An input that takes longer than this is a crasher too, milliseconds: hostile input must not stop a server. */
const SLOW = 5_000;
/** Inputs kept of one target. */
const CORPUS = 400;

/** What a run came to. */
export interface Tried {
  inputs: number;
  outcomes: number;
  crashers: Crasher[];
}

/** One target, its inputs so far. */
export class Fuzzer {
  #random: Random;
  #corpus: Bytes[];
  #outcomes = new Set<string>();
  #inputs = 0;

  constructor(readonly target: Target, seed: number) {
    // Each target has chances of its own, whichever others run beside it.
    this.#random = seededRandom(utf8(target.name).reduce((sum, byte) => Math.imul(sum, 31) + byte, seed));
    this.#corpus = target.seeds();
  }

  /** Tries so many inputs, or as many as there's time for; ends at the first crasher. */
  async run(until: (inputs: number) => boolean): Promise<Tried> {
    const crashers: Crasher[] = [];
    const before = this.#inputs;
    for (const seed of before === 0 ? [...this.#corpus] : []) await this.#try(seed, crashers);
    while (crashers.length === 0 && !until(this.#inputs - before)) await this.#try(this.#next(), crashers);
    return { inputs: this.#inputs - before, outcomes: this.#outcomes.size, crashers };
  }

  async #try(input: Bytes, crashers: Crasher[]): Promise<void> {
    this.#inputs++;
    const began = performance.now();
    try {
      const outcome = digest(await this.target.run(input.slice()));
      const took = performance.now() - began;
      if (took > SLOW) throw new Error(`It took ${Math.round(took)} ms`);
      if (!this.#outcomes.has(outcome)) this.#keep(outcome, input);
    } catch (thrown) {
      crashers.push({ target: this.target.name, input, thrown });
    }
  }

  #keep(outcome: string, input: Bytes): void {
    // Outcomes without number would make the set grow for hours.
    if (this.#outcomes.size < 20_000) this.#outcomes.add(outcome);
    if (this.#corpus.length < CORPUS) this.#corpus.push(input);
    else this.#corpus[pick(this.#random, CORPUS)] = input;
  }

  #next(): Bytes {
    const random = this.#random;
    const { fresh, isJson, most = 4096 } = this.target;
    const input = fresh && random.next() < 0.1 ? fresh(random) : oneOf(random, this.#corpus);
    if (isJson && random.next() < 0.6) {
      const changed = changedJson(input, random);
      if (changed && changed.length <= most) return changed;
    }
    return mutateBytes(input, oneOf(random, this.#corpus), random, most);
  }
}

function changedJson(input: Bytes, random: Random): Bytes | undefined {
  try {
    let value: unknown = JSON.parse(new TextDecoder().decode(input));
    for (let i = 1 + pick(random, 2); i > 0; i--) value = mutateJson(value, random);
    return utf8(JSON.stringify(value));
  } catch {
    return undefined;
  }
}

/** Numbers and quoted texts differ with every input; the sentence around them tells what happened. */
function digest(outcome: string): string {
  return outcome.slice(0, 200).replace(/\d+/g, "0").replace(/"[^"]*"/g, '""');
}

/**
 * Whether the copies of a bucket tell the same. One of them may differ from the others for good: a NATS 2.9.10 (Debian's) that
 * leads, stands still for some seconds and goes on leaves out messages that the others have, so all its later numbers are too
 * low, and what is removed by number hits the wrong message there.
 *
 * Rules: a mark of ours was acknowledged under a number by the copy that leads; a copy that has it under another is not
 * read. Which of the two is wrong is for the third to say: of three copies the two that agree are right. When it's the one
 * that leads, another is to lead, or what is promised would be kept there alone. Only an administrator can mend a copy, so it
 * is said which one it is.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { NatsLink } from "./link.ts";
import type { Entry, Proof } from "./reading.ts";

/** For how long a copy isn't read that differed, milliseconds: it may have been mended. */
const SHUNNED = 600_000;
/** What is said where it can't be told which copy is wrong. */
const UNCLEAR =
  "the registry's copies differ, and without the third it isn't known which of them is wrong; see that all " +
  "nats-servers run";
/** Marks of which the number is remembered. */
const MARKS_MAX = 32;

/** What looking after the copies of one bucket needs. */
export interface CopiesSetting {
  link: Pick<NatsLink, "run" | "mark" | "numbersOf" | "leaderOf" | "stepDown">;
  bucket: string;
  /** Under which this server, and no other, writes its marks. */
  key: string;
  clock: Clock;
  log: Logger;
}

/** Knows which copies of one bucket to keep away from. */
export class Copies implements Proof {
  /** Numbers of our latest marks, by writer. */
  #numbers = new Map<string, number>();
  /** Until when a copy isn't read, by the name of its server. */
  #shunned = new Map<string, number>();
  /** When it was said of a server that its copy is wrong. */
  #saidAt = new Map<string, number>();
  #closing = new AbortController();
  #looking: Promise<void> | undefined;

  constructor(private o: CopiesSetting) {}

  /** @returns the mark's number: what was written before has a lower one. */
  async mark(): Promise<number> {
    const { link, bucket, key } = this.o;
    const { seq, writer, isSure } = await link.mark(bucket, key);
    if (isSure) {
      this.#numbers.set(writer, seq);
      if (this.#numbers.size > MARKS_MAX) this.#numbers.delete(this.#numbers.keys().next().value!);
    }
    return seq;
  }

  isMark({ key, writer }: Entry): boolean {
    return key === this.o.key && writer.startsWith(`${this.o.link.run}-`);
  }

  numberOf(writer: string): number | undefined {
    return this.#numbers.get(writer);
  }

  isShunned(server: string): boolean {
    return (this.#shunned.get(server) ?? -Infinity) > this.o.clock.monotonic();
  }

  differs(server: string): void {
    this.#shun(server);
    this.look();
  }

  /** Compares the copies, unless that is being done. */
  look(): void {
    if (this.#closing.signal.aborted) return;
    this.#looking ??= this.#look()
      .catch((thrown) => this.o.log.debug(`Cannot compare the copies of the registry: ${messageOf(thrown)}`))
      .finally(() => this.#looking = undefined);
  }

  /** Resolves when nothing is being looked at. */
  async idle(): Promise<void> {
    await this.#looking;
  }

  /** Ends what is being looked at. */
  close(): void {
    this.#closing.abort();
  }

  #shun(server: string): void {
    this.#shunned.set(server, this.o.clock.monotonic() + SHUNNED);
  }

  async #look(): Promise<void> {
    const { link, bucket, key, log } = this.o;
    const numbers = await link.numbersOf(bucket, `${key}.look`, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    const wrong = wrongOnes(numbers);
    if (wrong === undefined) {
      if (new Set(numbers.values()).size > 1) log.error(`NATS: ${UNCLEAR}: ${told(numbers)}`);
      return;
    }
    this.#shunned.clear();
    for (const server of wrong) {
      this.#shun(server);
      this.#say(server, numbers);
    }
    if (!wrong.includes(await link.leaderOf(bucket))) return;
    // What was acknowledged by it says nothing of the others.
    this.#numbers.clear();
    await link.stepDown(bucket);
  }

  /** Again for as long as it is so, but not each time that it is seen. */
  #say(server: string, numbers: ReadonlyMap<string, number>): void {
    const now = this.o.clock.monotonic();
    if (now - (this.#saidAt.get(server) ?? -Infinity) < SHUNNED) return;
    this.#saidAt.set(server, now);
    this.o.log.error(
      `NATS: the copy of the registry at server ${server} differs from the others (${
        told(numbers)
      }) and is not read; ` +
        "stop that nats-server, remove its folder of -sd, and start it again while the others run",
    );
  }
}

function told(numbers: ReadonlyMap<string, number>): string {
  return [...numbers].map(([server, seq]) => `${server} at ${seq}`).sort().join(", ");
}

/**
 * The servers whose number isn't that of most.
 *
 * @param numbers of one message, by server.
 * @returns undefined where that can't be said: fewer than two agree against a third.
 */
export function wrongOnes(numbers: ReadonlyMap<string, number>): string[] | undefined {
  const votes = Map.groupBy(numbers.keys(), (server) => numbers.get(server)!);
  const most = [...votes.values()].find((servers) => servers.length > numbers.size / 2);
  return most && most.length > 1 ? [...numbers.keys()].filter((server) => !most.includes(server)) : undefined;
}

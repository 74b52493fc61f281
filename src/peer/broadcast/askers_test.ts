/** Who asks for the pieces of a broadcast, and who comes first. */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import type { Message } from "../../protocol/messages.ts";
import type { Connection } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { Askers } from "./askers.ts";

const CONTENT = "ab".repeat(32);

/** Somebody who asks, on a connection of its own. */
class Asker {
  readonly heard: Message[] = [];
  /** Those who wait for its connection's end, and stay in memory until then. */
  waits = 0;
  readonly #connection: Connection;
  #hangUp: () => void = () => {};

  constructor(name: string) {
    const end = new Promise<void>((resolve) => this.#hangUp = resolve);
    const closed = {
      then: (callback: () => void) => {
        this.waits++;
        return end.then(callback);
      },
    };
    this.#connection = { peerName: name, title: name, member: undefined, closed } as unknown as Connection;
  }

  question(): Exchange {
    const send = (message: Message) => Promise.resolve(void this.heard.push(message));
    return {
      connection: this.#connection,
      signal: new AbortController().signal,
      aborted: false,
      send,
    } as unknown as Exchange;
  }

  async hangUp(): Promise<void> {
    this.#hangUp();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

function stage() {
  const clock = new FakeClock();
  return { clock, askers: new Askers(clock) };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  promise.then(() => over = true);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return over;
}

/** Asks for a piece, and waits for the turn. */
function turn(askers: Askers, asker: Asker): Promise<boolean> {
  const question = asker.question();
  askers.asks(CONTENT, question);
  return askers.turn(CONTENT, question);
}

Deno.test("whom the plan sends here comes first, at once", async () => {
  const { askers } = stage();
  assertEquals(await turn(askers, new Asker("a")), true);
  assertEquals(await turn(askers, new Asker("b")), true);
});

Deno.test("who comes instead of one takes its place; that one is told, and gets what is left over", async () => {
  const { askers, clock } = stage();
  const [slow, child] = [new Asker("slow"), new Asker("child")];
  await turn(askers, slow);
  askers.join(CONTENT, { instead: ["slow"] }, child.question());
  assertEquals(slow.heard, [{ kind: "Choke", content: CONTENT }]);
  assertEquals(await turn(askers, child), true);
  const waiting = turn(askers, slow);
  assertEquals(await isSettled(waiting), false);
  for (let i = 0; i < 8; i++) {
    clock.advance(50);
    await isSettled(waiting);
  }
  assertEquals(await waiting, true);
});

Deno.test("who never comes first gets a piece now and then, or it would take us for dead", async () => {
  const { askers, clock } = stage();
  const [first, last] = [new Asker("first"), new Asker("last")];
  await turn(askers, first);
  askers.join(CONTENT, { instead: [], demoted: true }, last.question());
  const waiting = turn(askers, last);
  let ms = 0;
  while (!await isSettled(waiting)) {
    await turn(askers, first);
    clock.advance(50);
    ms += 50;
  }
  assertEquals(ms, 4_000);
});

/** Pieces that are asked for, and what becomes of them. */
class Desk {
  /** Those whose turn has come, in that order. */
  readonly begun: string[] = [];
  #asked = new Map<string, { question: Exchange; answered: () => void }>();

  constructor(private askers: Askers, private clock: FakeClock) {}

  ask(asker: Asker, name: string): void {
    const question = asker.question();
    this.#asked.set(name, { question, answered: this.askers.asks(CONTENT, question) });
    this.askers.turn(CONTENT, question).then(() => this.begun.push(name));
  }

  /** A part of it goes, that a limit had held up. */
  part(name: string): void {
    this.askers.limited(CONTENT, this.#asked.get(name)!.question);
  }

  answered(name: string): void {
    this.#asked.get(name)!.answered();
  }

  async wait(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 50) {
      this.clock.advance(50);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }
}

function limitedStage(...last: string[]) {
  const { askers, clock } = stage();
  const desk = new Desk(askers, clock);
  const others = last.map((name) => new Asker(name));
  const first = new Asker("first");
  desk.ask(first, "first");
  for (const other of others) askers.join(CONTENT, { instead: [], demoted: true }, other.question());
  return { desk, askers, first, others };
}

Deno.test("a piece that a limit makes long is no sign that something is left over", async () => {
  const { desk, others: [last] } = limitedStage("last");
  const parts = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await desk.wait(500);
      desk.part("first");
    }
  };
  await parts(1);
  desk.ask(last!, "a");
  await parts(5);
  assertEquals(desk.begun, ["first"]);
  // Nothing goes to the first any more: twice as long, and the rest is left over.
  await desk.wait(950);
  assertEquals(desk.begun, ["first"]);
  await desk.wait(100);
  assertEquals(desk.begun, ["first", "a"]);
});

Deno.test("who comes first and takes little while nothing is limited leaves the rest to others, as ever", async () => {
  const { desk, others: [a, b] } = limitedStage("a", "b");
  await desk.wait(50);
  desk.ask(a!, "a1");
  desk.ask(a!, "a2");
  desk.ask(b!, "b1");
  await desk.wait(250);
  assertEquals(desk.begun, ["first", "a1", "a2", "b1"]);
});

Deno.test("within a limit what is left over goes to one at a time, who has waited longest first, by name", async () => {
  const { desk, askers, others: [a, b, c] } = limitedStage("a", "b", "c");
  await desk.wait(50);
  desk.part("first");
  for (const [asker, name] of [[a!, "a1"], [b!, "b1"], [c!, "c1"], [a!, "a2"]] as const) {
    desk.ask(asker, name);
  }
  // What is one's at a time is the limit's to hold up.
  const on = async (ms: number, ...names: string[]) => {
    for (let at = 0; at < ms; at += 200) {
      await desk.wait(200);
      for (const name of names) desk.part(name);
    }
  };
  await on(600, "first");
  assertEquals(desk.begun, ["first"]);
  await on(400);
  assertEquals(desk.begun, ["first", "a1"]);
  await on(2_000, "a1");
  assertEquals(desk.begun, ["first", "a1"], "as long as it moves");
  desk.answered("a1");
  // It dials anew: it is the same.
  const again = new Asker("a");
  askers.join(CONTENT, { instead: [], demoted: true }, again.question());
  desk.ask(again, "a3");
  await on(200, "first");
  await on(400);
  assertEquals(desk.begun, ["first", "a1", "b1"]);
  await on(1_200, "first");
  await on(600);
  assertEquals(desk.begun, ["first", "a1", "b1", "c1"], "what is stuck keeps nobody");
});

Deno.test("who waits hears from us within the time after which it would take us for dead", async () => {
  const { desk, askers, others: [last] } = limitedStage("last");
  askers.join(CONTENT, { instead: [], demoted: true }, last!.question());
  await desk.wait(50);
  desk.ask(last!, "a");
  for (let ms = 0; ms < 3_900; ms += 100) {
    await desk.wait(100);
    desk.part("first");
  }
  assertEquals(last!.heard, []);
  // Its piece has begun by now, and is as slow as it is.
  desk.ask(last!, "b");
  for (let ms = 0; ms < 3_000; ms += 100) {
    await desk.wait(100);
    desk.part("first");
  }
  assertEquals(last!.heard, [{ kind: "Have", content: CONTENT, behind: [] }]);
});

Deno.test("a content is not forgotten while somebody waits for a piece of it", () => {
  const { askers, clock } = stage();
  const child = new Asker("child");
  const question = child.question();
  const answered = askers.asks(CONTENT, question);
  clock.advance(90_000);
  askers.tidy();
  askers.tell(CONTENT, { behind: [], still: [{ stripe: 0, hops: 0 }] });
  assertEquals(child.heard, [{
    kind: "Have",
    content: CONTENT,
    behind: [],
    still: [{ stripe: 0, hops: 0 }],
  }]);
  answered();
  askers.tidy();
  assertEquals(askers.size, 0);
});

Deno.test("more names than are remembered: who comes then gets what is left over, and keeps nobody from it", async () => {
  const { desk, askers, others: [last] } = limitedStage("last");
  for (let i = 0; i < 4_094; i++) {
    const one = new Asker(`name ${i}`);
    askers.join(CONTENT, { instead: [], demoted: true }, one.question());
    await one.hangUp();
  }
  const late = new Asker("late");
  askers.join(CONTENT, { instead: [], demoted: true }, late.question());
  await desk.wait(50);
  desk.part("first");
  desk.ask(late, "late");
  desk.ask(last!, "last");
  await desk.wait(600);
  desk.answered("late");
  await desk.wait(200);
  assertEquals(desk.begun, ["first", "late", "last"]);
});

Deno.test("those who ask are told that we're behind; sent away, their questions are answered", async () => {
  const { askers } = stage();
  const child = new Asker("child");
  askers.tell(CONTENT, { behind: [{ stripe: 0, hops: 1 }] });
  const question = child.question();
  askers.asks(CONTENT, question);
  askers.tell(CONTENT, { behind: [{ stripe: 1, hops: 2 }] });
  askers.sendAway(CONTENT);
  assertEquals(child.heard.map(({ kind }) => kind), ["Have", "Error"]);
  assertEquals(await askers.turn(CONTENT, question), false);
});

Deno.test("a piece that is on its way is not refused as well", async () => {
  const { askers } = stage();
  const child = new Asker("child");
  const question = child.question();
  askers.asks(CONTENT, question);
  assertEquals(await askers.turn(CONTENT, question), true);
  askers.sendAway(CONTENT);
  assertEquals([child.heard, askers.wasSentAway(question)], [[], false]);
});

Deno.test("what was answered is answered once; who has gone is told nothing", async () => {
  const { askers } = stage();
  const child = new Asker("child");
  askers.asks(CONTENT, child.question())();
  askers.sendAway(CONTENT);
  assertEquals(child.heard, []);
  await child.hangUp();
  askers.tell(CONTENT, { behind: [{ stripe: 0, hops: 0 }] });
  assertEquals(child.heard, []);
});

Deno.test("who is some pieces ahead of another that waits for pieces too is told apart, and nobody else", async () => {
  const { askers } = stage();
  const [fast, slow] = [new Asker("fast"), new Asker("slow")];
  const asks = (asker: Asker) => {
    const question = asker.question();
    const answered = askers.asks(CONTENT, question);
    return { question, answered };
  };
  const [one, other] = [asks(fast), asks(slow)];
  assertEquals(askers.isAhead(CONTENT, one.question, 0), false);
  assertEquals(askers.isAhead(CONTENT, other.question, 1), false);
  assertEquals(askers.isAhead(CONTENT, one.question, 2), false);
  assertEquals(askers.isAhead(CONTENT, one.question, 4), true);
  assertEquals(askers.isAhead(CONTENT, other.question, 3), false);
  assertEquals(askers.isAhead(CONTENT, one.question, 4), false);
  assertEquals(askers.isAhead(CONTENT, one.question, 8), true);
  other.answered();
  assertEquals(askers.isAhead(CONTENT, one.question, 8), false, "who asks for nothing isn't behind");
  await slow.hangUp();
  assertEquals(askers.isAhead(CONTENT, one.question, 9), false);
});

Deno.test("who asks for contents without end, or says so, leaves no more behind than a few", () => {
  const { askers } = stage();
  const [asker, honest] = [new Asker("a"), new Asker("b")];
  for (let i = 0; i < 10_000; i++) {
    const content = i.toString(16).padStart(64, "0");
    askers.asks(content, asker.question())();
    askers.join(content.replace("0", "f"), { instead: ["x"] }, asker.question());
    askers.asks(CONTENT, honest.question())();
  }
  assertLessOrEqual(askers.size, 1_024);
  assertEquals([asker.waits, honest.waits], [1, 1]);
});

Deno.test("what is asked for all the time isn't forgotten for what others ask for", async () => {
  const { askers } = stage();
  const [first, second, third, other] = ["a", "b", "c", "d"].map((name) => new Asker(name));
  await turn(askers, first!);
  await turn(askers, second!);
  // Both places are taken: who comes instead of another waits.
  askers.join(CONTENT, { instead: ["x"] }, third!.question());
  for (let i = 0; i < 5_000; i++) {
    askers.asks(i.toString(16).padStart(64, "0"), other!.question())();
    if (i % 100 === 0) askers.asks(CONTENT, first!.question())();
  }
  const question = third!.question();
  assertEquals(await isSettled(askers.turn(CONTENT, question)), false);
});

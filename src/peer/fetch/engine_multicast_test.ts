/** A file that comes by multicast while its sender is still hashing it, told by a worker that does as it is told here. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { Root } from "../../storage/root.ts";
import { TempFolder } from "../../storage/_testing.ts";
import type { Connection } from "../../transport/connection.ts";
import { Exchange } from "../../transport/exchange.ts";
import { Relay } from "../broadcast/relay.ts";
import { HashFeed } from "../broadcast/hash_feed.ts";
import { contextOf, TOOL } from "../_testing.ts";
import type { ReceiveNews, ReceiveOrder } from "../receive_protocol.ts";
import { planBroadcastContents } from "./fetch.ts";
import { FetchEngine } from "./engine.ts";
import type { WorkerPool } from "./worker_pool.ts";

const PIECES = 8;
const ID = "ab".repeat(32);
const FILE = { name: "image.bin", size: PIECES * 256 * 1024 };
const SOURCE = { peer: "(source)", address: "127.0.0.1", port: 1 };

/** Hashes of so many pieces. */
const hashes = (count: number) => Array.from({ length: count }, () => "cd".repeat(32));

class Stage implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly clock = new FakeClock();
  readonly feed = new HashFeed(ID, FILE);
  readonly orders: ReceiveOrder[] = [];
  readonly failures: string[] = [];
  readonly running: Promise<void>;
  readonly relay = new Relay(this.clock);
  #stop = new AbortController();
  #hear: (news: ReceiveNews) => void = () => {};
  #tuned = Promise.withResolvers<void>();

  /** @param known pieces that are hashed. @param stripes who is asked for each, one after another. */
  constructor(known: number, stripes: (typeof SOURCE)[][] = [[SOURCE], [SOURCE]]) {
    this.feed.add(0, hashes(known));
    const root = Root.open(this.temp.path, "write");
    const pool = {
      size: 1,
      listen: (hear: (news: ReceiveNews) => void) => this.#hear = hear,
      tell: (_: number, order: ReceiveOrder) => this.#obey(order),
      tellAll: (order: ReceiveOrder) => this.#obey(order),
    } as unknown as WorkerPool;
    const { relay } = this;
    const engine = new FetchEngine({
      ...contextOf(this.clock),
      ...{ root, pool, identity: TOOL, relay, signal: this.#stop.signal },
      listener: {
        progress() {},
        fetched() {},
        failed: (_, error) => this.failures.push(error.message),
      },
    });
    const multicast = { at: "10.1.0.7", group: "239.255.1.2", session: "ab".repeat(8), piece: 0 };
    const placed = [{ ...FILE, sha256: ID, target: FILE.name, modified: 0, present: false, holders: [] }];
    const { plans } = planBroadcastContents(placed, {
      stripes,
      depths: [0, 0],
      feed: this.feed,
      multicast,
    });
    this.running = engine.run(plans).catch(() => {}).finally(() => relay.close());
  }

  /** Resolves when the worker listens. */
  get tuned(): Promise<void> {
    return this.#tuned.promise;
  }

  /** The worker tells what came by multicast. */
  tell(passed: number, pieces: number[], why?: string): void {
    const how = { passed, got: 5 * passed, lost: 0, pieces };
    this.#hear({ kind: "multicast", content: ID, ...how, ...why !== undefined && { why } });
  }

  /** Ports of those who were dialled. */
  get dials(): number[] {
    return this.orders.flatMap((order) => order.kind === "dial" ? [order.port] : []);
  }

  get dialled(): boolean {
    return this.orders.some(({ kind }) => kind === "dial");
  }

  #obey(order: ReceiveOrder): void {
    this.orders.push(order);
    const later = (news: ReceiveNews) => queueMicrotask(() => this.#hear(news));
    if (order.kind === "open") {
      this.temp.file(`.labswarm-${order.spec.key}.part`);
      later({ kind: "opened", content: ID, span: 0 });
    }
    if (order.kind === "tune") this.#tuned.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.clock.advance(10_000);
    await this.running;
    this.temp[Symbol.dispose]();
  }
}

/** All that is due by now has been done. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve));

Deno.test("multicast: who hears that it has ended, and has all that is hashed by now, waits for more to ask for", async () => {
  await using stage = new Stage(4);
  await stage.tuned;
  stage.tell(4, [0, 1, 2, 3], "It has ended");
  await settled();
  assertEquals([stage.failures, stage.dialled], [[], false]);
  stage.feed.add(4, hashes(1));
  await settled();
  assertEquals([stage.failures, stage.dialled], [[], true]);
});

Deno.test("multicast: so does who can't listen, before anything is hashed; it ends with the hashing", async () => {
  await using stage = new Stage(0);
  await stage.tuned;
  stage.tell(0, [], "Cannot listen: a port is taken");
  await settled();
  assertEquals([stage.failures, stage.dialled], [[], false]);
  stage.feed.fail(new LabError("changed", "It changed"));
  await stage.running;
  assertEquals(stage.failures, ["It changed"]);
});

Deno.test("multicast: what was lost is asked for at its end, and those above us are given as long as at the beginning", async () => {
  const [a, b] = [2, 3].map((port) => ({ ...SOURCE, peer: `pc${port}`, port }));
  await using stage = new Stage(PIECES, [[a!, SOURCE], [b!, SOURCE]]);
  await stage.tuned;
  // The second is lost; the others come at once.
  for (const [passed, piece] of [[1, 0], [3, 2], [4, 3], [5, 4]] as const) {
    stage.tell(passed, [piece]);
    stage.clock.advance(130);
  }
  await settled();
  assertEquals(stage.dials, []);
  stage.tell(5, [], "It has ended");
  await settled();
  assertEquals(stage.dials, [2, 3]);
  stage.clock.advance(9_900);
  assertEquals(stage.dials, [2, 3]);
  stage.clock.advance(1_000);
  assertEquals(stage.dials, [2, 3, 1]);
});

Deno.test("multicast: a silence is an end, too, and what is missing is asked for", async () => {
  await using stage = new Stage(PIECES);
  await stage.tuned;
  stage.tell(3, [0, 2]);
  await settled();
  stage.clock.advance(1_100);
  assertEquals(stage.dialled, false);
  stage.clock.advance(200);
  assertEquals(stage.dialled, true);
});

Deno.test("multicast: what somebody below us waits for, who can't hear it, is asked for once it has gone by", async () => {
  await using stage = new Stage(PIECES);
  await stage.tuned;
  const asker = new Exchange({} as Connection, 1);
  const ask = (piece: number) => void stage.relay.piece(ID, piece, asker).catch(() => {});
  ask(3);
  stage.tell(3, [0, 2]);
  await settled();
  assertEquals(stage.dialled, false, "it may come yet, and the one that was lost keeps nobody waiting");
  ask(1);
  stage.tell(4, []);
  await settled();
  assertEquals(stage.dialled, true);
  asker.end(new LabError("interrupted", "Over"));
});

/** What a server makes of news that comes two ways: of the peers in one stream, of the servers in another. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { silentLogger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { head, peer, receipt } from "./_store_contract.ts";
import { ListLog } from "./_testing.ts";
import { Broadcasts } from "./broadcasts.ts";
import { Deliveries } from "./deliveries.ts";
import { Holdings } from "./holdings.ts";
import { Members } from "./members.ts";
import { MemoryStore } from "./memory_store.ts";
import { isAwaited, type KeptRecord } from "./rules.ts";
import { Sharing } from "./sharing.ts";
import type { Fellow, SharedStore } from "./store.ts";

const OTHER: Fellow = { id: "other", hosts: ["10.0.0.2"], port: 23475, claims: [] };

/** A record of a PC that listens on its own port, or where another one does. */
const pc = (n: number, place = n): KeptRecord => peer(n, { port: 23_476 + place });

/** A server, and what it is told of others. */
class Stage {
  readonly clock = new FakeClock();
  readonly members = new Members(7_200_000);
  readonly fellows = new Map<string, Fellow>();
  readonly owners = new Map<string, string>();
  readonly sharing: Sharing;
  readonly broadcasts = new Broadcasts();
  readonly log = new ListLog();
  came: string[] = [];
  displaced: string[] = [];
  isAway = false;

  constructor(kept: readonly KeptRecord[] = []) {
    const { clock, members, fellows, owners, broadcasts } = this;
    const [holdings, store] = [new Holdings(), new MemoryStore()];
    const now = () => ({ wall: clock.now(), mono: clock.monotonic() });
    members.load(kept, now());
    const registry = { members, holdings, broadcasts, store, random: seededRandom(1), epoch: "e", now };
    const deliveries = new Deliveries({
      ...{ registry, clock, log: silentLogger, connectionOf: () => undefined },
      ...{ here: () => 0, isHere: () => false, port: () => 1 },
    });
    deliveries.came = ({ name }) => void this.came.push(name);
    const shared: SharedStore = {
      ...{ self: "self", isAway: false, fellows, ownerOf: (cookie) => owners.get(cookie) },
      ...{ follow() {}, catchUp: () => Promise.resolve(), present() {}, tellRenewed() {} },
    };
    Object.defineProperty(shared, "isAway", { get: () => this.isAway });
    this.sharing = new Sharing({
      ...{
        shared,
        members,
        holdings,
        broadcasts,
        deliveries: () => deliveries,
        clock,
        log: this.log,
        now,
      },
      ...{ hosts: ["10.0.0.1"], port: () => 1, isHere: () => false, release() {}, letGo() {}, changed() {} },
      ...{ forgetFiles() {}, told() {} },
      displaced: (gone) => this.displaced.push(...gone.map(({ name }) => name)),
    });
  }

  /** News that the other server has registered a peer. @param place whose place it listens at. */
  hears(n: number, place?: number): void {
    this.owners.set(`c${n}`, OTHER.id);
    this.sharing.peer(pc(n, place), OTHER.id);
  }

  /** A peer registers here. */
  registers(n: number, place?: number): void {
    this.owners.set(`c${n}`, "self");
    this.members.register(pc(n, place), undefined, `c${n}`, this.now);
  }

  get now() {
    return { wall: this.clock.now(), mono: this.clock.monotonic() };
  }

  /** Names of those who count as active. */
  get active(): string[] {
    return [...this.members.list()].map(({ name }) => name);
  }

  /** The other server comes, or goes. */
  other(what: "comes" | "goes"): void {
    if (what === "comes") this.fellows.set(OTHER.id, OTHER);
    else this.fellows.delete(OTHER.id);
    this.sharing.fellows(what === "comes" ? [] : [OTHER.id]);
  }

  get awaited(): string[] {
    return [...this.members.list()].filter(isAwaited).map(({ name }) => name);
  }
}

Deno.test("the log says of other servers where they are, when they come and when they go", () => {
  const stage = new Stage();
  for (const what of ["comes", "comes", "goes"] as const) stage.other(what);
  assertEquals(stage.log.lines, [
    "info Server    10.0.0.2:23475 shares this registry",
    "warn Server    10.0.0.2:23475 is gone: its peers have time to come back",
  ]);
  stage.sharing.close();
});

Deno.test("a peer of a server that isn't known yet is awaited, and no longer once the server is known", () => {
  const stage = new Stage();
  stage.hears(1);
  assertEquals([stage.awaited, stage.came], [["pc1"], []]);
  stage.fellows.set(OTHER.id, OTHER);
  stage.sharing.fellows([]);
  assertEquals([stage.awaited, stage.came], [[], ["pc1"]]);
  // Its lease is the other server's matter.
  stage.clock.advance(24 * 3600_000);
  assertEquals(stage.awaited, []);
  stage.sharing.close();
});

Deno.test("a server that counted as gone and is there after all has its peers, but for those who are elsewhere", () => {
  const stage = new Stage();
  stage.fellows.set(OTHER.id, OTHER);
  stage.sharing.fellows([]);
  for (const n of [1, 2, 3]) stage.hears(n);
  assertEquals(stage.awaited, []);
  stage.fellows.delete(OTHER.id);
  stage.sharing.fellows([OTHER.id]);
  assertEquals(stage.awaited, ["pc1", "pc2", "pc3"]);
  stage.owners.set("c2", "a third");
  stage.members.leave("c3");
  stage.came = [];
  stage.fellows.set(OTHER.id, OTHER);
  stage.sharing.fellows([]);
  assertEquals([stage.awaited, stage.came], [["pc2"], ["pc1"]]);
  stage.sharing.close();
});

Deno.test("who registers at another server where a lost peer of ours listened has displaced it", () => {
  const stage = new Stage();
  stage.other("comes");
  stage.registers(1);
  stage.hears(2, 1);
  // Its connection lives: two PCs behind one router.
  stage.clock.advance(5_000);
  assertEquals([stage.displaced, stage.active], [[], ["pc1", "pc2"]]);
  stage.members.disconnected("c1", stage.now);
  stage.clock.advance(5_000);
  assertEquals([stage.displaced, stage.active], [[], ["pc1", "pc2"]], "that was before its connection broke");
  stage.hears(3, 1);
  assertEquals([stage.displaced, stage.active], [["pc1"], ["pc2", "pc3"]]);
  stage.sharing.close();
});

Deno.test("word of who registers elsewhere may come before the end of the connection of the one that it displaces", () => {
  const stage = new Stage();
  stage.other("comes");
  stage.registers(1);
  stage.hears(2, 1);
  stage.members.disconnected("c1", stage.now);
  stage.clock.advance(1_000);
  assertEquals([stage.displaced, stage.active], [["pc1"], ["pc2"]]);
  stage.sharing.close();
});

Deno.test("the peers of another server are displaced by that server", () => {
  const stage = new Stage();
  stage.other("comes");
  stage.hears(1);
  stage.members.abandoned("c1", stage.now);
  stage.hears(2, 1);
  assertEquals([stage.displaced, stage.active], [[], ["pc1", "pc2"]]);
  stage.sharing.close();
});

Deno.test("a server is gone: those of its peers are displaced at whose places others have registered since", () => {
  const stage = new Stage();
  stage.other("comes");
  // The second one came where the first one was; the third where the fourth came later.
  stage.hears(1);
  stage.registers(3);
  stage.hears(4, 3);
  stage.registers(2, 1);
  stage.other("goes");
  assertEquals([stage.displaced, stage.active, stage.awaited], [["pc1"], ["pc2", "pc3", "pc4"], ["pc4"]]);
  stage.sharing.close();
});

Deno.test("a server that starts displaces those whose servers are gone and at whose places others have registered", () => {
  const stage = new Stage([pc(1), pc(2, 1), pc(3)]);
  for (const cookie of ["c2", "c3"]) stage.owners.set(cookie, OTHER.id);
  stage.owners.set("c1", "a third");
  stage.other("comes");
  assertEquals([stage.displaced, stage.active, stage.awaited], [["pc1"], ["pc2", "pc3"], []]);
  stage.sharing.close();
});

Deno.test("once the registry is back, those who were let go have time to come back, however long it was away", () => {
  const stage = new Stage();
  const { members, clock, sharing } = stage;
  for (const n of [1, 2]) stage.registers(n);
  stage.isAway = true;
  clock.advance(1_000);
  members.disconnected("c1", stage.now);
  clock.advance(600_000);
  stage.isAway = false;
  assertEquals(sharing.knowsWhoIsThere, false, "not before they have been given time");
  clock.advance(1_000);
  assertEquals([sharing.knowsWhoIsThere, stage.awaited], [true, ["pc1"]]);
  clock.advance(TIMEOUTS.graceAfterRestart - 1);
  assertEquals(members.expire(stage.now, (cookie) => sharing.isOurs(cookie)), []);
  clock.advance(1);
  const over = members.expire(stage.now, (cookie) => sharing.isOurs(cookie));
  assertEquals(over.map(({ record }) => record.name), ["pc1"]);
  sharing.close();
});

Deno.test("receipts that are heard before their broadcast, as it was written anew since, count once it is heard", () => {
  const { sharing, broadcasts } = new Stage();
  const states = (id: string) => [...broadcasts.receipts(id)].map(({ peer, state }) => `${peer} ${state}`);
  sharing.receipt(receipt("one", "pc1", { state: "done" }));
  sharing.receipt(receipt("one", "pc2", { state: "failed" }));
  sharing.receipt(receipt("one", "PC1", { state: "waiting" }));
  sharing.receipt(receipt("two", "pc3", { state: "done" }));
  assertEquals(broadcasts.size, 0);
  sharing.head(head("one", { withdrawn: true }));
  assertEquals([states("one"), states("two")], [["pc1 done", "pc2 failed"], []]);
  // Of one that is forgotten nothing is kept, nor told to another of that id.
  sharing.headForgotten("two");
  sharing.head(head("two"));
  assertEquals(states("two"), []);
  sharing.close();
});

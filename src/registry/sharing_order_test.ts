/** What a server makes of news that comes two ways: of the peers in one stream, of the servers in another. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { silentLogger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { peer } from "./_store_contract.ts";
import { Broadcasts } from "./broadcasts.ts";
import { Deliveries } from "./deliveries.ts";
import { Holdings } from "./holdings.ts";
import { Members } from "./members.ts";
import { MemoryStore } from "./memory_store.ts";
import { isAwaited } from "./rules.ts";
import { Sharing } from "./sharing.ts";
import type { Fellow, SharedStore } from "./store.ts";

const OTHER: Fellow = { id: "other", hosts: ["10.0.0.2"], port: 23475, claims: [] };

/** A server, and what it is told of others. */
class Stage {
  readonly clock = new FakeClock();
  readonly members = new Members(7_200_000);
  readonly fellows = new Map<string, Fellow>();
  readonly owners = new Map<string, string>();
  readonly sharing: Sharing;
  came: string[] = [];

  constructor() {
    const { clock, members, fellows, owners } = this;
    const [holdings, broadcasts, store] = [new Holdings(), new Broadcasts(), new MemoryStore()];
    const now = () => ({ wall: clock.now(), mono: clock.monotonic() });
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
    this.sharing = new Sharing({
      ...{
        shared,
        members,
        holdings,
        broadcasts,
        deliveries: () => deliveries,
        clock,
        log: silentLogger,
        now,
      },
      ...{ hosts: ["10.0.0.1"], port: () => 1, isHere: () => false, release() {}, letGo() {}, changed() {} },
      ...{ forgetFiles() {}, told() {} },
    });
  }

  /** News that the other server has registered a peer. */
  hears(n: number): void {
    this.owners.set(`c${n}`, OTHER.id);
    this.sharing.peer(peer(n), OTHER.id);
  }

  get awaited(): string[] {
    return [...this.members.list()].filter(isAwaited).map(({ name }) => name);
  }
}

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

/** The suite of all stores against a real cluster of three; then what several servers at once make of one registry. */

import { assert, assertEquals } from "@std/assert";
import { within } from "../../base/_patience.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { contract, head, heldIn, peer, peersOf, receipt, row } from "../_store_contract.ts";
import { NameTaken, type SharedNews, type Store } from "../store.ts";
import { clusterOfFile } from "./_cluster.ts";
import type { Conflict } from "./link.ts";
import { type NatsStore, openNatsStore } from "./nats_store.ts";
import { parsePlace } from "./place.ts";

const cluster = clusterOfFile();
const { ignore } = cluster;
let registries = 0;

function open(registry: string, folderId = "folder"): Promise<NatsStore> {
  return openNatsStore({
    place: parsePlace(`${cluster.url}/${registry}`),
    ...{ clock: systemClock, random: systemRandom, log: silentLogger, folderId },
  });
}

for (const [name, test] of Object.entries(contract)) {
  Deno.test({
    name: `NATS store: ${name}`,
    ignore,
    fn: async () => {
      const registry = `contract${registries++}`;
      const reopen = async (store: Store) => {
        await store.close();
        return await open(registry);
      };
      await test({ open: () => open(registry), reopen });
    },
  });
}

/** Notes what it's told, and can be waited for. */
class News implements SharedNews {
  readonly lines: string[] = [];
  #waiting: { line: string; resolve: () => void }[] = [];
  peer: SharedNews["peer"] = ({ name, active }, at) =>
    this.#add(`${name} ${active ? `at ${at}` : "inactive"}`);
  forgotten: SharedNews["forgotten"] = (cookie) => this.#add(`forgotten ${cookie}`);
  holdings: SharedNews["holdings"] = ({ cookie, reset, rows, gone }) =>
    this.#add(
      `${cookie}${reset ? " anew" : ""}${rows.map(({ name }) => ` +${name}`)}${gone.map((n) => ` -${n}`)}`,
    );
  head: SharedNews["head"] = ({ id, withdrawn }) => this.#add(`${id}${withdrawn ? " withdrawn" : ""}`);
  headForgotten: SharedNews["headForgotten"] = (id) => this.#add(`forgotten ${id}`);
  receipt: SharedNews["receipt"] = ({ id, peer, state }) => this.#add(`${id} ${peer} ${state}`);
  renewed: SharedNews["renewed"] = (cookies) => this.#add(`renewed ${cookies}`);
  fellows: SharedNews["fellows"] = (gone) => this.#add(`gone ${gone}`);

  /** Resolves when it has heard this. */
  async heard(line: string): Promise<void> {
    if (!this.lines.includes(line)) {
      const told = new Promise<void>((resolve) => this.#waiting.push({ line, resolve }));
      await within(`news of ${line}`, told);
    }
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const each of this.#waiting) if (each.line === line) each.resolve();
  }
}

/** Two servers on one registry; each with what it hears. */
async function two(
  work: (a: NatsStore, b: NatsStore, heard: { a: string[]; b: string[] }, news: News) => Promise<void>,
): Promise<void> {
  const registry = `two${registries++}`;
  const stores = [await open(registry, "fa"), await open(registry, "fb")] as const;
  const news = [new News(), new News()] as const;
  stores.forEach((store, i) => store.follow(news[i]!));
  for (const store of stores) await store.catchUp();
  try {
    await work(...stores, { a: news[0].lines, b: news[1].lines }, news[1]);
  } finally {
    for (const store of stores) await store.close();
  }
}

Deno.test({
  name: "NATS store: one server hears what the other promises, in order, and nothing of itself",
  ignore,
  fn: () =>
    two(async (a, b, heard) => {
      const steps = [
        () => a.savePeers([peer(1)]),
        () => a.changeHoldings({ cookie: "c1", reset: true, rows: [row("x")], gone: [] }),
        () => a.changeHoldings({ cookie: "c1", reset: false, rows: [row("y")], gone: ["x"] }),
        () => a.broadcasts.save(head("b1")),
        () => a.broadcasts.saveReceipts([receipt("b1", "pc1", { state: "done" })]),
        () => a.savePeers([peer(1, { active: false })]),
        () => a.forgetPeer("c1"),
        () => a.broadcasts.forget("b1"),
      ];
      for (const step of steps) {
        await step();
        // Whoever is slower than that may miss what was replaced meanwhile.
        await b.catchUp();
      }
      assertEquals(heard.b, [
        `pc1 at ${a.self}`,
        ...["c1 anew +x", "c1 +y -x", "b1", "b1 pc1 done", "pc1 inactive", "forgotten c1", "forgotten b1"],
      ]);
      await a.catchUp();
      assertEquals(heard.a, []);
    }),
});

Deno.test({
  name: "NATS store: what one server sweeps away takes nothing along that the other hasn't heard yet",
  ignore,
  fn: () =>
    two(async (a, b) => {
      const { link, bucket } = a.setting;
      const heard: string[] = [];
      b.followOthers(({ key }) => heard.push(key));
      const keys = Array.from({ length: 1000 }, (_, n) => `m.${n}`);
      for (let n = 0; n < keys.length; n += 100) {
        await Promise.all([
          ...keys.slice(n, n + 100).map((key) => link.write(bucket, key, "m".repeat(2000), 0)),
          ...[1, 2, 3].map((nth) => link.sweep(bucket, `h.swept${n + nth}.*`)),
        ]);
      }
      await b.catchUp();
      assertEquals(heard.filter((key) => key.startsWith("m.")).length, keys.length);
    }),
});

Deno.test({
  name: "NATS store: of two newcomers who want one name at the same moment one gets it",
  ignore,
  fn: () =>
    two(async (a, b) => {
      const results = await Promise.allSettled([
        a.savePeers([peer(1, { cookie: "ca" })]),
        b.savePeers([peer(1, { cookie: "cb" })]),
      ]);
      const lost = results.filter((each) => each.status === "rejected");
      assertEquals(lost.length, 1);
      assert((lost[0] as PromiseRejectedResult).reason instanceof NameTaken);
      const winner = results[0]!.status === "fulfilled" ? "ca" : "cb";
      assertEquals((await peersOf(a)).map(({ cookie }) => cookie), [winner]);
      assertEquals(await peersOf(a), await peersOf(b));
    }),
});

Deno.test({
  name: "NATS store: of two changes that replace the same one is refused, and told what the other wrote",
  ignore,
  fn: () =>
    two(async (a, b) => {
      const { bucket } = a.setting;
      for (let n = 0; n < 100; n++) {
        const key = `x.${n}`;
        const first = await a.setting.link.write(bucket, key, "first", 0);
        const tries = await Promise.allSettled(
          [a, b].map(({ setting: { link } }) => link.write(bucket, key, link.run, first)),
        );
        const won = tries.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
        const lost = tries.flatMap((each) => each.status === "rejected" ? [each.reason as Conflict] : []);
        assertEquals([won.length, lost.length], [1, 1], key);
        assertEquals(lost[0]!.current?.seq, won[0]);
      }
    }),
});

Deno.test({
  name: "NATS store: registrations at two servers at once both count, and becoming inactive yields to them",
  ignore,
  fn: () =>
    two(async (a, b, heard) => {
      await a.savePeers([peer(1, { registrations: [1] })]);
      await b.catchUp();
      await Promise.all([
        a.savePeers([peer(1, { registrations: [1, 2], lastRegistered: 2 })]),
        b.savePeers([peer(1, { registrations: [1, 3], lastRegistered: 3 })]),
      ]);
      const [kept] = await peersOf(a);
      assertEquals([kept!.registrations, kept!.lastRegistered], [[1, 2, 3], 3]);
      await Promise.all([a.catchUp(), b.catchUp()]);
      assertEquals(a.ownerOf("c1"), b.ownerOf("c1"));
      // B registers it; A, which doesn't know yet, says that it's gone.
      heard.a.length = 0;
      await Promise.all([
        b.savePeers([peer(1, { registrations: [1, 2, 3, 4] })]),
        a.savePeers([peer(1, { active: false })]),
      ]);
      assertEquals((await peersOf(a)).map(({ active }) => active), [true]);
      await a.catchUp();
      assert(heard.a.includes(`pc1 at ${b.self}`), heard.a.join());
    }),
});

Deno.test({
  name: "NATS store: what a server tells late of an earlier registration doesn't count",
  ignore,
  fn: () =>
    two(async (a, b) => {
      await a.savePeers([peer(1)]);
      await a.changeHoldings({ cookie: "c1", reset: true, rows: [row("old")], gone: [] });
      await b.catchUp();
      await b.savePeers([peer(1, { registrations: [7] })]);
      await b.changeHoldings({ cookie: "c1", reset: true, rows: [row("new")], gone: [] });
      // A's connection to NATS was slow: it knows nothing of the second registration when it writes.
      const { link, bucket } = a.setting;
      await link.write(bucket, "h.c1.late", { of: 1, rows: [["late", "", 1, "a".repeat(64), ""]] }, 0);
      assertEquals(await heldIn(a), ["c1 new 5"]);
      assertEquals(await heldIn(b), ["c1 new 5"]);
    }),
});

Deno.test({
  name: "NATS store: a long row of changes is written anew, and says the same",
  ignore,
  fn: () =>
    two(async (a, b) => {
      await a.savePeers([peer(1)]);
      await Promise.all(Array.from({ length: 600 }, (_, n) =>
        a.changeHoldings({
          ...{ cookie: "c1", reset: n === 0, rows: [row(`f${n}`)], gone: n % 3 === 0 ? [`f${n - 1}`] : [] },
        })));
      const names = Array.from({ length: 600 }, (_, n) => n).filter((n) => n % 3 !== 2 || n === 599);
      assertEquals(await heldIn(b), names.map((n) => `c1 f${n} 5`).sort());
      const { link, bucket } = a.setting;
      assert((await link.list(bucket, "h.c1.*")).length < 300);
    }),
});

Deno.test({
  name: "NATS store: withdrawn stays withdrawn and done stays done, whoever writes last",
  ignore,
  fn: () =>
    two(async (a, b, heard) => {
      await a.broadcasts.save(head("b1"));
      await b.broadcasts.save(head("b1", { withdrawn: true }));
      await a.broadcasts.save(head("b1", { files: 2 }));
      await a.broadcasts.saveReceipts([receipt("b1", "pc1", { state: "done" })]);
      await b.broadcasts.saveReceipts([receipt("b1", "pc1", { state: "failed", code: "timeout" })]);
      const { heads, receipts } = await b.broadcasts.load();
      assertEquals(heads, [head("b1", { withdrawn: true, files: 2 })]);
      assertEquals(receipts, [receipt("b1", "pc1", { state: "done" })]);
      // But not for another PC that has the name now.
      await a.broadcasts.saveReceipts([receipt("b1", "pc2", { state: "done", cookie: "c2" })]);
      const another = receipt("b1", "pc2", { state: "waiting", cookie: "c3" });
      await b.broadcasts.saveReceipts([another]);
      assertEquals((await b.broadcasts.load()).receipts.find(({ peer }) => peer === "pc2"), another);
      assert(heard.a.includes("b1 withdrawn"));
      assert(heard.b.includes("b1 pc1 done"));
    }),
});

Deno.test({
  name: "NATS store: files in one server's share are that server's alone",
  ignore,
  fn: () =>
    two(async (a, b) => {
      const file = { name: "a", size: 1, sha256: "0f".repeat(32) };
      const here = { name: "below/a", modified: "2026-01-02T03:04:05.000Z" };
      await a.broadcasts.saveFiles("b1", 0, [{ ...file, here }]);
      assertEquals(await a.broadcasts.files("b1"), [{ ...file, here }]);
      assertEquals(await b.broadcasts.files("b1"), [file]);
    }),
});

Deno.test({
  name: "NATS store: what others wrote there, garbage too, harms nobody",
  ignore,
  fn: () =>
    two(async (a, b, heard) => {
      const { link, bucket } = a.setting;
      await a.savePeers([peer(1)]);
      for (const key of ["p.x", "h.c1.x", "h.zz.x", "b.x", "r.x.y", "m.x", "unknown", "p.y.z.w"]) {
        for (
          const value of [7, null, "x", [], { name: 5 }, { of: -1, rows: [[]] }, { name: "../x", cookie: "" }]
        ) {
          await link.write(bucket, key, value);
        }
      }
      await b.catchUp();
      assertEquals(heard.b, [`pc1 at ${a.self}`]);
      assertEquals((await peersOf(b)).map(({ name }) => name), ["pc1"]);
      assertEquals(await heldIn(b), []);
      assertEquals(await b.broadcasts.load(), { heads: [], receipts: [] });
    }),
});

Deno.test({
  name: "NATS store: a server is known to the others until it leaves",
  ignore,
  fn: () =>
    two(async (a, b, heard, news) => {
      a.present({ hosts: ["10.0.0.1"], port: 23475, claims: ["b1"] });
      await news.heard("gone ");
      assertEquals(b.fellows.get(a.self), { id: a.self, hosts: ["10.0.0.1"], port: 23475, claims: ["b1"] });
      a.tellRenewed(["c1", "c2"]);
      await news.heard("renewed c1,c2");
      await a.close();
      await news.heard(`gone ${a.self}`);
      assertEquals(b.fellows.size, 0);
      assertEquals(heard.b, ["gone ", "renewed c1,c2", `gone ${a.self}`]);
      assertEquals(heard.a, []);
    }),
});

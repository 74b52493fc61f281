/** What a data folder remembers of where its registry lies. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { peer } from "../../registry/_store_contract.ts";
import { SecuredLab } from "../../registry/lab.ts";
import { clusterOfFile } from "../../registry/nats/_cluster.ts";
import {
  demandHere,
  folderIdOf,
  openOpenLab,
  openShared,
  openSharedLab,
  PLACE_FILE,
  rememberShared,
} from "./rs_store.ts";

const ctx = { clock: systemClock, random: systemRandom, log: silentLogger };

const cluster = clusterOfFile({ count: 1 });

/** A NATS that wants encryption, and so refuses whoever comes without. */
async function refusing(work: (url: string) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const conn of listener) {
      await conn.write(new TextEncoder().encode('INFO {"tls_required":true}\r\n'));
      await conn.read(new Uint8Array(100)).catch(() => null);
      conn.close();
    }
  })();
  try {
    await work(`nats://user:mistyped@127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    await served;
  }
}

/** As `rs serve --store sqlite` does. */
async function goBack(data: string): Promise<void> {
  const { store, remember } = await openShared(ctx, data, { store: "sqlite" });
  assertEquals(store, undefined);
  await remember();
}

/** As `rs serve` does. */
async function serve(data: string, wanted?: string): Promise<void> {
  const { store, remember } = await openShared(ctx, data, { store: wanted });
  try {
    if (store) await openSharedLab(ctx, data, store);
    else await SecuredLab.open({ data, clock: ctx.clock, log: ctx.log });
    await remember();
  } finally {
    await store?.close();
  }
}

Deno.test({
  name: "another lab's registry is not remembered, nor is a lab with members told to take its authority",
  ignore: cluster.ignore,
  fn: async () => {
    const [ours, theirs] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
    try {
      await serve(theirs, cluster.url);
      await serve(ours);
      const empty = await assertRejects(() => serve(ours, cluster.url), LabError);
      assertMatch(empty.message, /another authority; copy authority.json/);
      const { membership } = await SecuredLab.open({ data: ours, clock: ctx.clock, log: ctx.log });
      membership.put({ id: "a".repeat(26), name: "pc1", role: "member", joined: 0, address: "10.0.0.9" });
      await Deno.writeTextFile(join(ours, "members.json"), JSON.stringify(membership));
      const refused = await assertRejects(() => serve(ours, cluster.url), LabError);
      assertMatch(
        refused.message,
        /it is of another lab, and .* has one of its own, with members; .*nats:\/\/HOST:PORT\/NAME/,
      );
      assertEquals(refused.message.includes("copy authority.json"), false);
      // The next start, which names none, goes on with what was there.
      assertEquals((await openShared(ctx, ours)).store, undefined);
    } finally {
      for (const data of [ours, theirs]) await Deno.remove(data, { recursive: true });
    }
  },
});

Deno.test("a store that can't be opened is not remembered: the next start goes to the one that was there", async () => {
  await refusing(async (url) => {
    const data = await Deno.makeTempDir();
    try {
      await rememberShared(ctx, data, { store: "nats://10.0.0.1:4222/lab" }, "f1");
      const before = await Deno.readTextFile(join(data, PLACE_FILE));
      const refused = await assertRejects(() => openShared(ctx, data, { store: url }), LabError, "encrypts");
      assertEquals(refused.message.includes("mistyped"), false);
      assertEquals(await Deno.readTextFile(join(data, PLACE_FILE)), before);
      await goBack(data);
      const { store, folder } = JSON.parse(await Deno.readTextFile(join(data, PLACE_FILE)));
      assertEquals([store, folder, await folderIdOf(ctx, data)], [undefined, "f1", "f1"]);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  });
});

Deno.test("a folder whose registry lies in NATS is neither backed up nor restored: what lies in it is from before", async () => {
  const data = await Deno.makeTempDir();
  try {
    for (const what of ["back up", "restore"] as const) {
      await Deno.remove(join(data, PLACE_FILE)).catch(() => {});
      await demandHere(data, "rs-data", what);
      await rememberShared(ctx, data, { store: "nats://user:secret@10.0.0.1:4222" }, "f1");
      const refused = await assertRejects(() => demandHere(data, "rs-data", what), LabError);
      assertMatch(
        refused.message,
        new RegExp(`^Cannot ${what}: the registry of rs-data lies in nats://10.0.0.1:4222`),
      );
      assertEquals(refused.message.includes("secret"), false);
      await goBack(data);
      await demandHere(data, "rs-data", what);
    }
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test({
  name: "a server of NATS that --store names and that isn't there is said, though the others do",
  ignore: cluster.ignore,
  fn: async () => {
    const data = await Deno.makeTempDir();
    const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = gone.addr;
    gone.close();
    const said: string[] = [];
    const log = { ...silentLogger, warn: (text: string) => void said.push(text) };
    try {
      const { store } = await openShared({ ...ctx, log }, data, {
        store: `${cluster.url},127.0.0.1:${port}/partly`,
      });
      await store?.close();
      const [told, ...more] = said.filter((text) => text.includes("127.0.0.1"));
      assertMatch(told!, new RegExp(`^NATS at 127.0.0.1:${port} does not answer: .*refused.*--store`));
      assertEquals(more, []);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  },
});

Deno.test({
  name: "a registry of which the copying was broken off is not served as if it were whole",
  ignore: cluster.ignore,
  fn: async () => {
    const data = await Deno.makeTempDir();
    const url = `${cluster.url}/half`;
    try {
      const { store } = await openShared(ctx, data, { store: url });
      await store!.savePeers([peer(1)]);
      await assertRejects(() => openOpenLab(store!), LabError, "broken off; run rs copy again");
      await store!.close();
      const refused = await assertRejects(() => serve(data, url), LabError);
      assertMatch(refused.message, /broken off; run rs copy again/);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  },
});

/** What a data folder remembers of where its registry lies. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { demandHere, folderIdOf, openShared, PLACE_FILE, rememberShared } from "./rs_store.ts";

const ctx = { clock: systemClock, random: systemRandom, log: silentLogger };

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

Deno.test("a store that can't be opened is not remembered: the next start goes to the one that was there", async () => {
  await refusing(async (url) => {
    const data = await Deno.makeTempDir();
    try {
      await rememberShared(ctx, data, { store: "nats://10.0.0.1:4222/lab" }, "f1");
      const before = await Deno.readTextFile(join(data, PLACE_FILE));
      const refused = await assertRejects(() => openShared(ctx, data, { store: url }), LabError, "encrypts");
      assertEquals(refused.message.includes("mistyped"), false);
      assertEquals(await Deno.readTextFile(join(data, PLACE_FILE)), before);
      assertEquals(await openShared(ctx, data, { store: "sqlite" }), undefined);
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
      assertEquals(await openShared(ctx, data, { store: "sqlite" }), undefined);
      await demandHere(data, "rs-data", what);
    }
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

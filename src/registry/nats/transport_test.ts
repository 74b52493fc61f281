import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { comesTo } from "../../base/_patience.ts";
import { systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { makeAuthority } from "./_certificates.ts";
import { NatsCluster, natsServer } from "./_cluster.ts";
import { type NatsStore, openNatsStore } from "./nats_store.ts";
import { parsePlace, trusting } from "./place.ts";

const ignore = natsServer() === undefined;

const open = (url: string, ca?: string): Promise<NatsStore> =>
  openNatsStore({
    place: trusting(parsePlace(url), ca),
    ...{ clock: systemClock, random: systemRandom, log: silentLogger, folderId: "folder" },
  });

const refused = async (url: string, ca: string | undefined, words: string): Promise<void> => {
  const error = await assertRejects(() => open(url, ca), LabError, words);
  assertEquals(error.code, "not_permitted");
};

/** Answers whoever dials with some bytes; tells what they said until they hung up. */
function impostor(says: string): { url: string; heard: Promise<string>; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answer = async () => {
    const conn = await listener.accept();
    await conn.write(new TextEncoder().encode(says));
    // Whoever hangs up with bytes unread breaks the connection: an error here, and no word of theirs.
    return await new Response(conn.readable).text().catch(() => "");
  };
  const url = `tls://rs:secret@127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  return { url, heard: answer(), close: () => listener.close() };
}

Deno.test({
  name:
    "NATS by TLS: the authority that was named and no other, for the address that was named, again after a restart",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    const [ours, other] = [await makeAuthority(folder, "ours"), await makeAuthority(folder, "other")];
    await using cluster = await NatsCluster.start({ count: 1, tls: await ours.certify("127.0.0.1") });
    await using elsewhere = await NatsCluster.start({ count: 1, tls: await ours.certify("127.0.0.2") });
    const store = await open(cluster.url, ours.pem);
    try {
      await store.claimLab({ mode: "open" });
      await refused(cluster.url, other.pem, "not to be trusted by --nats-ca");
      await refused(elsewhere.url, ours.pem, "not to be trusted by --nats-ca");
      await refused(cluster.url.replace("tls:", "nats:"), undefined, "write tls://");
      await cluster.kill(0);
      cluster.restart(0);
      await comesTo(() => store.lab().catch(() => undefined), { mode: "open" });
    } finally {
      await store.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "NATS by TLS: nothing is said to a server that doesn't encrypt, nor to one that says more than its greeting in clear",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    const { pem } = await makeAuthority(folder, "ours");
    await Deno.remove(folder, { recursive: true });
    for (
      const [says, words] of [
        ['INFO {"server_id":"x"}\r\n', "does not encrypt"],
        ['INFO {"server_id":"x","tls_required":true}\r\nMSG a 1 2\r\nhi\r\n', "in clear"],
      ] as const
    ) {
      const server = impostor(says);
      await refused(server.url, pem, words);
      assertEquals(await server.heard, "");
      server.close();
    }
  },
});

Deno.test("an authority is wanted with tls:// only; of its file the certificates are taken", () => {
  const [plain, encrypted] = [parsePlace("nats://a"), parsePlace("tls://rs:secret@a")];
  assertEquals(trusting(plain, undefined), plain);
  assertThrows(() => trusting(plain, "x"), LabError, "goes with a registry at tls://");
  const missing = assertThrows(() => trusting(encrypted, undefined), LabError, "--nats-ca FILE");
  assert(!missing.message.includes("secret"));
  for (const text of ["", "no", "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----"]) {
    assertThrows(() => trusting(encrypted, text), LabError, "holds no certificate");
  }
  const one = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
  const { ca } = trusting(
    encrypted,
    `-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n${one}text\n${one}`,
  );
  assertStringIncludes(ca!, one + one);
  assert(!ca!.includes("PRIVATE"));
});

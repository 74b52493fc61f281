/** A registry in a NATS that encrypts: whom `rs` trusts there. Needs nats-server and openssl. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { makeAuthority } from "../../src/registry/nats/_certificates.ts";
import { NatsCluster, natsServer } from "../../src/registry/nats/_cluster.ts";
import { put } from "./files.ts";
import { assertCode, labTest, PROGRAMS, sentence } from "./lab.ts";

const skip = natsServer() === undefined ? "nats-server is not installed" : undefined;

labTest(
  "a registry in NATS over TLS: the authority of --nats-ca is trusted, and remembered, and no other",
  async (lab) => {
    const folder = lab.pc("authority");
    const [ours, other] = [await makeAuthority(folder, "ours"), await makeAuthority(folder, "other")];
    await using cluster = await NatsCluster.start({ count: 1, tls: await ours.certify("127.0.0.1") });
    const store = ["--store", cluster.url];
    const serve = async (code: number, args: string[], env: Record<string, string> = {}) => {
      const serving = lab.start("rs", "rs", ["serve", "--open", "--quiet", ...args], PROGRAMS.rs, { env });
      return sentence(assertCode(await serving.ended, code));
    };
    assertMatch(await serve(2, store), /say with --nats-ca FILE which authority certified/);

    const data = join(lab.pc("rs"), "rs-data");
    put(data, "other.pem", other.pem);
    const plain = ["--store", "nats://127.0.0.1", "--nats-ca", "rs-data/other.pem"];
    assertMatch(await serve(2, plain), /goes with a registry at tls:/);
    const untrusted = [...store, "--nats-ca", "rs-data/other.pem"];
    for (
      const env of [{}, { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: ours.path }, { DENO_CERT: ours.path }]
    ) {
      assertMatch(await serve(4, untrusted, env), /not to be trusted by --nats-ca/);
    }
    assertMatch(await serve(4, [...store, "--nats-ca", ours.path]), /use --nats-ca \.\/rs-data\/\.\.\./);

    put(data, "nats-ca.pem", ours.pem);
    const first = await lab.rs("rs", ...store, "--nats-ca", "rs-data/nats-ca.pem");
    const peer = await lab.peer("a", first.address);
    await first.running.kill();
    // What was kept in NATS is there again, under the authority that the folder remembers.
    await Deno.remove(join(data, "nats-ca.pem"));
    const second = await lab.rs("rs", "--port", String(first.port));
    assertEquals(second.address, first.address);
    const [before, after] = await peer.events("registered", 2);
    assertEquals(before!.cookie, after!.cookie);
  },
  { skip },
);

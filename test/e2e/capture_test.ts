/** A secured lab as somebody sees it who listens to the network; and as its operator does, who has the keys written down. */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Lab } from "../../scripts/programs.ts";
import { canRecord, Recording } from "../../scripts/wireshark/record.ts";
import { packetFields, tshark, tsharkReady } from "../../scripts/wireshark/tshark.ts";
import { bytesOf, MB, put } from "./files.ts";
import { assertCode, DIST } from "./lab.ts";

const skip = !await tsharkReady()
  ? "no tshark here; apt-get install tshark"
  : await canRecord()
  ? undefined
  : "no right to make a network namespace here; run as root";

/** Text that is at the front of a file, so that it's in a segment of its own. */
const MARK = "the questions of Monday's examination, for nobody's eyes. ".repeat(40);
const NAME = "examination-of-monday.bin";

/** A secured lab plays: join, fetch, send, broadcast, a wrong code, a revoked member. */
async function play(lab: Lab): Promise<{ code: string }> {
  const { address, code } = await lab.securedRs("server");
  const bytes = bytesOf(2 * MB, 7);
  bytes.set(new TextEncoder().encode(MARK));
  put(lab.pc("adalovelace"), `share/${NAME}`, bytes);
  const holder = await lab.peer("adalovelace", address, "--join", code);
  await lab.peer("alanturing", address, "--join", code);
  await holder.said(/Shared/);
  assertCode(await lab.run("peer", "alanturing", ["fetch", NAME]), 0);
  assertCode(await lab.run("peer", "alanturing", ["send", `share/${NAME}`, "--to", "rs"]), 0);
  put(lab.pc("server"), `share/second-${NAME}`, bytes);
  assertCode(await lab.run("rs", "server", ["broadcast", `share/second-${NAME}`]), 0);
  const wrong = code.slice(0, -1) + (code.endsWith("0") ? "1" : "0");
  assertCode(await lab.run("peer", "third", ["serve", "--rs", address, "--port", "0", "--join", wrong]), 4);
  assertCode(await lab.run("rs", "server", ["revoke", "alanturing"]), 0);
  return { code };
}

Deno.test({
  name: `a capture holds nothing in clear; with SSLKEYLOGFILE it opens${skip ? ` (skipped: ${skip})` : ""}`,
  ignore: skip !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "labswarm-capture-" });
    const keys = join(folder, "keys.log");
    const recording = await Recording.start(folder);
    const programs = { rs: recording.inside(join(DIST, "rs")), peer: recording.inside(join(DIST, "peer")) };
    const lab = new Lab(programs, { folder: join(folder, "lab"), env: { SSLKEYLOGFILE: keys } });
    try {
      const { code } = await play(lab);
      await lab.close();
      await recording.stop();
      const heard = new TextDecoder("latin1").decode(await Deno.readFile(recording.path));
      assert(heard.length > 4 * MB, `only ${heard.length} bytes were recorded`);
      const secrets = [
        MARK.slice(0, 24),
        NAME,
        "adalovelace",
        "alanturing",
        code,
        code.slice(0, 11),
        "BEGIN",
      ];
      for (const secret of secrets) {
        assertEquals(
          heard.toLowerCase().includes(secret.toLowerCase()),
          false,
          `"${secret}" is in the capture`,
        );
      }
      assertEquals(await tshark(recording.path, folder, ["-Y", "p2pdi"]), "");
      const open = ["-o", `tls.keylog_file:${keys}`, "-Y", "p2pdi && tls"];
      const kinds = (await packetFields(recording.path, folder, ["p2pdi.kind"], open)).flat().join().split(
        ",",
      );
      for (
        const kind of [
          "Hello",
          "Challenge",
          "Proof",
          "Welcome",
          "Join",
          "Joined",
          "Register",
          "Command",
          "PieceData",
        ]
      ) {
        assert(kinds.includes(kind), `${kind} is not in ${[...new Set(kinds)]}`);
      }
      const version = "tls.handshake.extensions.supported_version";
      const answers = await packetFields(recording.path, folder, [version], [
        "-Y",
        "tls.handshake.type == 2",
      ]);
      assertEquals(new Set(answers.flat()), new Set(["0x0304"]), "TLS 1.3 and nothing else");
    } finally {
      await lab.close();
      await recording.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

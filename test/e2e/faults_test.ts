/** Holders that lie, hang or hang up: the honest one is used instead, and where there is none, exit 5 says so. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { assertFile, bytesOf, put, sha256, shared } from "./files.ts";
import { claim, type Claimed, dataHeader, FakeHolder, type Lies, manifestOf } from "./fake_holder.ts";
import { assertCode, labTest, sentence, whileStopped } from "./lab.ts";

const SIZE = 2_000_000;

/** Other bytes of the same length. */
function flipped(honest: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = honest.slice();
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

interface Liar {
  lies: Lies;
  /** How a fetch from this liar alone ends; not tried where it would only be a matter of long waiting. */
  alone?: number;
  /** Its own bytes are false; the claimed SHA-256 is the honest one. */
  falseContent?: boolean;
  /** It is dropped before it is asked for a piece. */
  noPieces?: boolean;
}

const LIARS: Record<string, Liar> = {
  "flipped pieces": { lies: { piece: (honest) => ({ bytes: flipped(honest) }) }, alone: 5 },
  "one flipped piece": {
    lies: { piece: (honest, index) => ({ bytes: index === 5 ? flipped(honest) : honest }) },
    alone: 5,
  },
  "truncated pieces": { lies: { piece: (honest) => ({ bytes: honest.subarray(1) }) }, alone: 5 },
  "empty pieces": { lies: { piece: () => ({ bytes: new Uint8Array(0) }) }, alone: 5 },
  "too long pieces": {
    lies: { piece: (honest) => ({ bytes: new Uint8Array(honest.length + 1) }) },
    alone: 5,
  },
  "pieces of 4 GB": {
    lies: { piece: (_, __, stream) => ({ raw: dataHeader("PieceData", 0xffffffff, stream) }) },
  },
  "random bytes": { lies: { piece: (honest) => ({ raw: honest }) } },
  "stalling": { lies: { piece: () => "stall" } },
  "hanging up": { lies: { piece: () => "hang up" } },
  "a false manifest": { lies: {}, falseContent: true, alone: 5 },
  "a damaged manifest": { lies: { manifest: (honest) => ({ bytes: flipped(honest) }) } },
  "a manifest of nothing": {
    lies: { manifest: () => ({ bytes: new Uint8Array(0) }) },
    alone: 5,
    noPieces: true,
  },
  "a manifest of 4 GB": {
    noPieces: true,
    lies: { manifest: () => ({ raw: dataHeader("ManifestData", 0xffffffff, 3) }) },
  },
  "another content's manifest": {
    noPieces: true,
    lies: {
      manifest: (_, files) => ({ bytes: manifestOf([{ ...files[0]!, name: "other" }], bytesOf(SIZE, 9)) }),
    },
    alone: 5,
  },
};

labTest(
  "lying holders: alone exit 5 and nothing kept, beside an honest one the right bytes",
  async (lab, t) => {
    const { address } = await lab.rs();
    const names = Object.keys(LIARS);
    const bytes = names.map((_, i) => bytesOf(SIZE, i));
    names.forEach((_, i) => put(lab.pc("honest"), `share/both-${i}`, bytes[i]!));
    const honest = await lab.peer("honest", address);
    for (const [i, name] of names.entries()) {
      await t.step(name, async () => {
        const { lies, alone, falseContent, noPieces } = LIARS[name]!;
        const claims = ["alone", "both"].map((kind): Claimed => ({
          ...claim(`${kind}-${i}`, bytes[i]!),
          ...(falseContent ? { bytes: bytesOf(SIZE, 1000 + i) } : {}),
        }));
        const liar = await FakeHolder.start(address, `liar-${i}`, claims, lies);
        try {
          const pc = `victim-${i}`;
          const fetch = (file: string) => lab.start("peer", pc, ["fetch", file, "--rs", address]);
          if (alone !== undefined) {
            const { stderr } = assertCode(await fetch(`alone-${i}`).ended, alone);
            assertMatch(stderr, new RegExp(`^Cannot fetch alone-${i}: .*liar-${i}`, "m"));
            assertEquals(await shared(lab.pc(pc)), []);
          }
          // The liar's turn comes first.
          const fetching = await whileStopped(honest, async () => {
            const started = fetch(`both-${i}`);
            await Promise.race([liar.asked(noPieces ? "GetRFC" : "PieceRequest"), started.ended]);
            return started;
          });
          assertCode(await fetching.ended, 0);
          assertFile(join(lab.pc(pc), `share/both-${i}`), bytes[i]!);
          assertEquals(await shared(lab.pc(pc)), [`both-${i}`]);
        } finally {
          liar.close();
        }
      });
    }
  },
);

labTest("a share that changes while it is read: never wrong bytes under the final name", async (lab, t) => {
  const { address } = await lab.rs();
  const size = 12_000_000;
  const before = bytesOf(size, 1);
  const after = bytesOf(size, 2);
  const changes: Record<string, (path: string) => void> = {
    "rewritten in place": (path) => Deno.writeFileSync(path, after),
    "replaced by another file": (path) => {
      Deno.writeFileSync(`${path}.new`, after);
      Deno.renameSync(`${path}.new`, path);
    },
    "truncated": (path) => Deno.truncateSync(path, 5_000_000),
    "grown": (path) => Deno.writeFileSync(path, before, { append: true }),
    "deleted": (path) => Deno.removeSync(path),
    "rewritten, and its time set back": (path) => {
      const { mtime } = Deno.statSync(path);
      Deno.writeFileSync(path, after);
      Deno.utimeSync(path, mtime!, mtime!);
    },
  };
  for (const [i, [name, change]] of Object.entries(changes).entries()) {
    await t.step(name, async () => {
      const pc = `holder-${i}`;
      const file = `file-${i}`;
      const path = put(lab.pc(pc), `share/${file}`, before);
      const holder = await lab.peer(pc, address, "--rate", "6MB/s", "--index-interval", "1");
      const args = ["fetch", file, "--json", "--rs", address];
      const fetch = lab.start("peer", `reader-${i}`, args);
      await fetch.event("progress");
      change(path);
      const ended = await fetch.ended;
      const saved = join(lab.pc(`reader-${i}`), "share", file);
      if (ended.code === 0) assertFile(saved, before);
      else assertEquals(await shared(lab.pc(`reader-${i}`)), []);
      assert([0, 1, 5].includes(ended.code), `exit ${ended.code}: ${ended.stderr}`);
      if (name === "replaced by another file") {
        // Once it is indexed anew, the new one can be had.
        await holder.until(
          () => holder.stderr.split(`Shared: ${file}`).length > 2 || undefined,
          "a new index",
        );
        assertCode(await lab.run("peer", `later-${i}`, args), 0);
        assertEquals(sha256(Deno.readFileSync(join(lab.pc(`later-${i}`), "share", file))), sha256(after));
      }
      await holder.kill();
    });
  }
});

labTest("a file that grew between index and fetch is said to have changed", async (lab) => {
  const { address } = await lab.rs();
  const path = put(lab.pc("bob"), "share/log.txt", "one line\n");
  const bob = await lab.peer("bob", address, "--index-interval", "3600");
  // Stopped, it can't see the change before it is asked.
  bob.signal("SIGSTOP");
  Deno.writeTextFileSync(path, "another line\n", { append: true });
  const fetch = lab.start("peer", "alice", ["fetch", "log.txt", "--rs", address]);
  bob.signal("SIGCONT");
  const ended = await fetch.ended;
  if (ended.code === 0) assertFile(join(lab.pc("alice"), "share/log.txt"), "one line\nanother line\n");
  else assertMatch(sentence(assertCode(ended, 1)), /log\.txt.*(changed|not here)/);
});

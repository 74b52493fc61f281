/** Targets: what is read from files and from people's hands. */

import { toHex, utf8 } from "../../src/base/bytes.ts";
import { LabError, RemoteProtocolError } from "../../src/base/errors.ts";
import { printable, UNPRINTABLE } from "../../src/base/text.ts";
import { decodeIndex, encodeIndex } from "../../src/catalog/csv.ts";
import { encodeManifest, hashesOf } from "../../src/catalog/manifest.ts";
import { cleanPeerName, conflictName, nameFault, peerNameFault } from "../../src/catalog/names.ts";
import { glob } from "../../src/catalog/glob.ts";
import { formatCode, parseCode } from "../../src/join/code.ts";
import { Membership } from "../../src/join/membership.ts";
import { demand, same } from "./demand.ts";
import type { Target } from "./engine.ts";

const textOf = (input: Uint8Array) => new TextDecoder().decode(input);
const SHA = "ab".repeat(32);

/** The sentence with which it's refused; nothing but a LabError with one of these codes may be thrown. */
function refusal(thrown: unknown, ...codes: string[]): string {
  demand(thrown instanceof LabError && codes.includes(thrown.code), `threw ${thrown}`, thrown);
  demand(!UNPRINTABLE.test(thrown.message), "what a terminal would obey in an error");
  return thrown.message;
}

const FORMULA = /(?:^|[;,\n]"?)\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;

const csv: Target = {
  name: "csv",
  seeds: () =>
    [
      encodeIndex([]),
      encodeIndex([
        {
          name: "=cmd|' /C calc'!A0",
          title: "",
          size: 0,
          sha256: SHA,
          modified: "2026-01-02T03:04:05Z",
          flag: 1,
        },
        {
          name: "a, b;=c.txt",
          title: '"x" ;+1',
          size: 7,
          sha256: SHA,
          modified: "2026-01-02T03:04:05.678Z",
          flag: 0,
        },
      ].map((row) => ({ ...row, flag: row.flag as 0 | 1 }))),
      '\ufeffname,title,size,sha256,modified,flag\n"a\nb",\'=1,1e9,,,2',
    ].map(utf8),
  run(input) {
    let read;
    try {
      read = decodeIndex(textOf(input));
    } catch (thrown) {
      return refusal(thrown, "failed");
    }
    for (const problem of read.problems) demand(!UNPRINTABLE.test(problem), "a problem that can't be shown");
    const text = encodeIndex(read.rows);
    demand(!FORMULA.test(text.replace(/^[^\n]*\n/, "")), "a cell that a spreadsheet runs");
    same(encodeIndex(decodeIndex(text).rows), text, "there and back");
    return `${Math.min(3, read.rows.length)} ${read.problems.join().slice(0, 100)}`;
  },
};

/** Contents that somebody asks for; what comes back as their manifests is anybody's. */
const CONTENTS = [
  { pieceSize: 262144, files: [] },
  {
    pieceSize: 262144,
    files: [{ name: "a.txt", size: 5, sha256: SHA }, { name: "b/c", size: 262144, sha256: SHA }],
  },
].map((content, pieces) => ({ ...content, hashes: new Uint8Array(64 * pieces) }));

const manifest: Target = {
  name: "manifest",
  seeds: () => CONTENTS.map(encodeManifest),
  run(input) {
    const outcomes = CONTENTS.map((content) => {
      let hashes;
      try {
        hashes = hashesOf(input, content);
      } catch (thrown) {
        demand(thrown instanceof RemoteProtocolError, `threw ${thrown}`, thrown);
        return thrown.message;
      }
      same(toHex(encodeManifest({ ...content, hashes })), toHex(input), "one content, one encoding");
      return `taken: ${hashes.length}`;
    });
    return outcomes.join();
  },
};

const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

const names: Target = {
  name: "names",
  seeds: () =>
    ["a.txt", "docs/Übung 1.pdf", "../x", "C:\\x", "nul.txt", "x\x1b[2J", "用户/报告.docx", "PC7"].map(utf8),
  run(input) {
    const name = textOf(input);
    const shown = printable(name, 80);
    demand(shown.length <= 80 && !UNPRINTABLE.test(shown), "what is shown");
    same(peerNameFault(cleanPeerName(name)), undefined, "a cleaned name");
    const fault = nameFault(name);
    if (fault === undefined) {
      const parts = name.split("/");
      demand(!/[\\:<>"|?*\p{Cc}]/u.test(name), "a character that Windows forbids");
      demand(
        parts.every((part) => part !== "" && !/^\.\.?$|[. ]$/.test(part) && !DEVICE.test(part)),
        "its parts",
      );
      same(nameFault(conflictName(name, name)), undefined, "a conflict name");
    }
    const fits = glob(name.slice(0, 200));
    for (const each of ["docs/a/b/c/report-2026-final.txt", "a".repeat(200)]) fits(each);
    return fault ?? "good";
  },
};

const code: Target = {
  name: "join-code",
  most: 300,
  seeds: () => [
    utf8(formatCode({ fingerprint: new Uint8Array(10).fill(7), secret: new Uint8Array(5).fill(1) })),
    utf8("008J4-CT4AN-K7F24-SNAXW-SQFEW"),
    utf8("oOiIl 11111"),
  ],
  run(input) {
    const typed = textOf(input);
    let read;
    try {
      read = parseCode(typed);
    } catch (thrown) {
      const said = refusal(thrown, "not_permitted");
      demand(typed.length <= 12 || !said.includes(typed), "the code in a sentence");
      return said;
    }
    same(read.fingerprint.length + read.secret.length, 15, "its bytes");
    same(formatCode(parseCode(formatCode(read))), formatCode(read), "there and back");
    return "good";
  },
};

const members: Target = {
  name: "members-file",
  isJson: true,
  seeds: () => {
    const kept = new Membership();
    const invite = kept.invite({ secret: new Uint8Array(5), role: "lead", lasts: 3600_000, uses: 3 }, 0);
    kept.join(invite, { id: "a", name: "pc7", address: "192.0.2.7" }, 1);
    kept.join(invite, { id: "b", name: "pc7", address: "192.0.2.7" }, 1);
    kept.revoke("b", 2);
    return [utf8(JSON.stringify(kept))];
  },
  run(input) {
    let value: unknown;
    try {
      value = JSON.parse(textOf(input));
    } catch {
      return "no JSON";
    }
    try {
      const text = JSON.stringify(Membership.fromJSON(value));
      same(JSON.stringify(Membership.fromJSON(JSON.parse(text))), text, "there and back");
      return "good";
    } catch (thrown) {
      return refusal(thrown, "failed");
    }
  },
};

/** CSV, manifests, names, join codes, what lies on disk. */
export function fileTargets(): Target[] {
  return [csv, manifest, names, code, members];
}

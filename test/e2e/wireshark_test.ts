/**
 * The dissector in tshark: on the golden vectors, on garbage, on TLS, on the sample capture, and on a live run of the
 * executables, whose own counts of their messages it must come to.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { concat, fromHex } from "../../src/base/bytes.ts";
import { seededRandom } from "../../src/base/random.ts";
import { encodeMessage } from "../../src/protocol/codec.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { CONTROL, DATA } from "../../src/protocol/messages.ts";
import { MULTICAST, portOfBlock, writeBlockHeader } from "../../src/protocol/multicast.ts";
import { Lab, type Running } from "../../scripts/programs.ts";
import { captureFile, type Sent } from "../../scripts/wireshark/pcap.ts";
import { canRecord, Recording } from "../../scripts/wireshark/record.ts";
import { play, playSecured } from "../../scripts/wireshark/scenario.ts";
import { dissectorText, packetFields, tshark, tsharkReady } from "../../scripts/wireshark/tshark.ts";
import { assertCode, DIST, eventsOf, labTest, sentence } from "./lab.ts";

const here = (path: string) => fromFileUrl(new URL(path, import.meta.url));
const noTshark = await tsharkReady() ? undefined : "no tshark here; apt-get install tshark";
const noRecording = noTshark ??
  (await canRecord() ? undefined : "no right to make a network namespace here; run as root");

function testIn(
  name: string,
  skip: string | undefined,
  test: (folder: string) => Promise<void>,
): void {
  const ignore = skip !== undefined;
  Deno.test({
    name: ignore ? `${name} (skipped: ${skip})` : name,
    ignore,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "labswarm-wireshark-" });
      try {
        await test(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

labTest("rs wireshark and peer wireshark write the dissector, and say where to put it", async (lab) => {
  const text = await dissectorText();
  const plain = assertCode(await lab.run("rs", "rs", ["wireshark"]), 0);
  assertEquals(await Deno.readTextFile(join(lab.pc("rs"), "rs-data", "p2pdi.lua")), text);
  for (const word of ["%APPDATA%", "macOS", "~/.local/lib/wireshark/plugins", "SSLKEYLOGFILE"]) {
    assert(plain.stdout.includes(word), word);
  }
  const ended = assertCode(
    await lab.run("peer", "pc", ["wireshark", "--json", "--out", "share/new/x.lua"]),
    1,
  );
  assertEquals(eventsOf(ended, "error").length, 1);
  const json = assertCode(await lab.run("peer", "pc", ["wireshark", "--json", "--out", "share/kit"]), 0);
  const path = join(lab.pc("pc"), "share", "kit", "p2pdi.lua");
  assertEquals(eventsOf(json, "wireshark").map((line) => line.path), [path]);
  assertEquals(await Deno.readTextFile(path), text);
  const outside = assertCode(await lab.run("peer", "pc", ["wireshark", "--out", "../out.lua"]), 4);
  assertMatch(sentence(outside), /only touch/);
});

/** Messages by name with how often they came. */
type Counts = Record<string, number>;

function count(into: Counts, names: Iterable<string>): Counts {
  for (const name of names) into[name] = (into[name] ?? 0) + 1;
  return into;
}

async function vectors(): Promise<{ kind: string; frame: Uint8Array }[]> {
  const found = [];
  const folder = here("../vectors");
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".json") || name.startsWith("bad")) continue;
    const { kind, frame } = JSON.parse(await Deno.readTextFile(join(folder, name)));
    found.push({ kind, frame: fromHex(frame.join("")) });
  }
  return found.sort((a, b) => a.kind < b.kind ? -1 : 1);
}

async function capture(folder: string, ...connections: Parameters<typeof captureFile>[0]): Promise<string> {
  const path = join(folder, "made.pcap");
  await Deno.writeFile(path, captureFile(connections));
  return path;
}

/** For labs whose ports are made up: a dialer's may be EtherNet/IP's, and Wireshark asks who has a port first. */
const ANY_PORT = ["-o", "tcp.try_heuristic_first:TRUE"];

/** Nothing in a capture was not understood. */
async function assertClean(path: string, folder: string, more: readonly string[] = []): Promise<void> {
  const bad = "_ws.malformed || p2pdi.malformed || p2pdi.not_ours || p2pdi.unknown || p2pdi.cut";
  assertEquals(await tshark(path, folder, [...more, "-Y", bad]), "");
}

testIn("every message of the table is named, on any port, however it is cut", noTshark, async (folder) => {
  const all = await vectors();
  const kinds = all.map((v) => v.kind);
  assertEquals([...new Set(kinds)], Object.keys({ ...CONTROL, ...DATA }).sort());
  const hello = all.find((v) => v.kind === "Hello")!;
  const sent = [hello, ...all].map(({ frame }): Sent => ({ fromDialer: true, bytes: frame }));
  const whole = { fromDialer: true, bytes: concat(sent.map((s) => s.bytes)) };
  for (
    const connection of [
      // A greeting in one segment lets the dissector know a port that isn't ours.
      { port: 5555, sent },
      { port: 23475, sent, most: 7 },
      { port: 23476, sent: [whole] },
    ]
  ) {
    const path = await capture(folder, connection);
    const seen = await packetFields(path, folder, ["p2pdi.kind"], ["-Y", "p2pdi"]);
    assertEquals(seen.flat().join().split(","), ["Hello", ...kinds]);
    await assertClean(path, folder);
  }
});

testIn("a dialer's port that belongs to another protocol hides nothing", noTshark, async (folder) => {
  const register = encodeMessage({ kind: "Register", name: "a", host: "h", port: 4000 }, 3);
  const sent = [{ fromDialer: true, bytes: register }];
  // Those that Wireshark 4.0 knows among the ports that Linux gives to who dials.
  const dialers = [34980, 44321, 44322, 44818, 48049, 48898, 57000];
  for (const [port, more] of [[23475, []], [40847, ANY_PORT]] as const) {
    const path = await capture(folder, ...dialers.map((dialer) => ({ port, dialer, sent })));
    const seen = await packetFields(path, folder, ["tcp.srcport"], [...more, "-Y", "p2pdi"]);
    assertEquals(seen.flat().map(Number), dialers, `port ${port}`);
  }
});

testIn("fields, answers and errors can be filtered by", noTshark, async (folder) => {
  const at = (fromDialer: boolean, bytes: Uint8Array) => ({ fromDialer, bytes });
  const file = ["lab 3.pdf", 3_000_000_000, "cd".repeat(32)] as [string, number, string];
  const content = "ab".repeat(32);
  const path = await capture(folder, {
    port: 23475,
    sent: [
      at(true, encodeMessage({ kind: "Register", name: 'Ünal "7"', host: "h", port: 4000 }, 3)),
      at(true, encodeMessage({ kind: "GetRFC", files: [file] }, 5)),
      at(true, encodeMessage({ kind: "PieceRequest", content, piece: 7 }, 7)),
      at(false, encodeMessage({ kind: "Error", code: "not_found", message: "Not here" }, 5)),
      at(false, encodeFrame(DATA.PieceData.type, 7, new Uint8Array(3000))),
    ],
  });
  const matches = async (filter: string, ...fields: string[]) =>
    await packetFields(path, folder, ["p2pdi.kind", ...fields], ["-Y", filter]);
  assertEquals(await matches('p2pdi.name == "Ünal \\"7\\"" && p2pdi.port == 4000'), [["Register"]]);
  assertEquals(await matches('p2pdi.type == "GetRFC"', "p2pdi.files.name", "p2pdi.files.size"), [
    ["GetRFC", "lab 3.pdf", "3000000000"],
  ]);
  assertEquals(await matches("p2pdi.error", "p2pdi.code", "p2pdi.request_in", "_ws.expert.message"), [
    ["Error", "not_found", "2", "Error not_found: Not here"],
  ]);
  assertEquals(await matches("p2pdi.type == 0x33", "p2pdi.piece", "p2pdi.request_in", "p2pdi.data"), [
    ["PieceData", "7", "3", "3000"],
  ]);
  // The piece came in three segments, of which the last is 3 ms after the question.
  const [[, time] = []] = await matches("p2pdi.data", "p2pdi.time");
  assertEquals(Number(time).toFixed(3), "0.004");
  assertEquals(await matches("p2pdi.response_in == 4 && p2pdi.stream == 5"), [["GetRFC"]]);
});

testIn("garbage is flagged, and never an error of the dissector's own", noTshark, async (folder) => {
  const random = seededRandom(7);
  const bytes = (n: number) => Uint8Array.from({ length: n }, () => Math.floor(random.next() * 256));
  const text = (json: string, type: number = CONTROL.Register.type) =>
    encodeFrame(type, 3, new TextEncoder().encode(json));
  const bad = [
    ...'{|[]|{}x|{"a"}|{"a":tru}|{"a":01e}|{"a":"\\u12"}|{"a":"\u0001"}'.split("|").map((json) => text(json)),
    text('{"a":' + "[".repeat(2000), CONTROL.Event.type),
    text(`{"a":[${"1,".repeat(30_000)}1]}`, CONTROL.Event.type),
    encodeFrame(CONTROL.KeepAlive.type, 3, new Uint8Array()),
    text('{"code":{},"message":5}', CONTROL.Error.type),
    encodeFrame(0xee, 3, bytes(50)),
    ...Array.from({ length: 60 }, () => {
      const frame = text('{"name":"pc7","host":"h","port":1,"list":[["x",1,{"y":null}]]}');
      frame[12 + Math.floor(random.next() * (frame.length - 12))] = Math.floor(random.next() * 256);
      return frame;
    }),
    ...Array.from({ length: 30 }, (_, i) => bytes(1 + i * 5)),
  ];
  const path = await capture(
    folder,
    ...bad.map((b) => ({ port: 23475, sent: [{ fromDialer: true, bytes: b }] })),
  );
  const details = await tshark(path, folder, ["-V"]);
  assertEquals(/.*Lua Error.*|.*\[Malformed.*/i.exec(details)?.[0], undefined);
  assertMatch(details, /The payload is not JSON: /);
  assertMatch(details, /Too much to take apart/);
  assertMatch(details, /No header of P2P-DI\/2/);
});

testIn("the sample capture is dissected without a fault", noTshark, async (folder) => {
  const sample = here("../../scripts/wireshark/sample.pcap");
  await assertClean(sample, folder);
  const seen = await packetFields(sample, folder, ["p2pdi.kind"], ["-Y", "p2pdi"]);
  const counts = count({}, seen.flat().join().split(","));
  for (
    const kind of [
      "Register",
      "Peers",
      "RFCIndex",
      "GetRFC",
      "PieceData",
      "Offer",
      "Credit",
      "Receipt",
      "Broadcast",
      "Receipts",
      "Broadcasts",
      "Retry",
      "Withdraw",
      "Left",
      "Error",
    ]
  ) {
    assert(counts[kind], `${kind} is in the sample`);
  }
});

testIn("TLS with a key log, on our port and on another", noRecording, async (folder) => {
  const [cert, key, keys] = ["cert.pem", "key.pem", "keys.log"].map((name) => join(folder, name));
  const made = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
      .concat(
        "-keyout",
        key!,
        "-out",
        cert!,
        "-subj",
        "/CN=lab",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
      ),
    stderr: "null",
  }).output();
  assert(made.success);
  const recording = await Recording.start(folder);
  try {
    for (const port of ["23475", "5555"]) {
      const [command, ...before] = recording.inside(Deno.execPath());
      const script = [
        "run",
        "-A",
        "--lock",
        here("../../deno.lock"),
        "--frozen",
        "--cached-only",
        "--config",
        here("../../deno.json"),
        here("tls_frames.ts"),
      ];
      const { success, stderr } = await new Deno.Command(command, {
        args: [...before, ...script, port, cert!, key!],
        env: { SSLKEYLOGFILE: keys! },
      }).output();
      assert(success, new TextDecoder().decode(stderr));
    }
  } finally {
    await recording.stop();
  }
  const decrypt = [...ANY_PORT, "-o", `tls.keylog_file:${keys}`];
  for (const port of [23475, 5555]) {
    const filter = ["-Y", `p2pdi && tls && tcp.port == ${port}`];
    const seen = await packetFields(recording.path, folder, ["p2pdi.kind"], [...decrypt, ...filter]);
    const wanted = ["Hello", "Welcome", "PieceRequest", "PieceRequest", "PieceData", "PieceData"];
    assertEquals(seen.flat().join().split(","), wanted, `port ${port}`);
  }
  assertEquals(await tshark(recording.path, folder, ["-Y", "p2pdi"]), "");
});

/** What a server said of itself when it ended: its port, and how many frames of each type came and went. */
function tallies(programs: readonly Running[]): Map<string, { received: Counts; sent: Counts }> {
  const found = new Map();
  for (const { stderr } of programs) {
    for (
      const [, port, received, sent] of stderr.matchAll(/port=(\d+) {2}received=(\{.*?\}) {2}sent=(\{.*?\})/g)
    ) {
      found.set(port, { received: JSON.parse(received!), sent: JSON.parse(sent!) });
    }
  }
  return found;
}

testIn("a live run: no fault, and as many messages as the programs counted", noRecording, async (folder) => {
  const recording = await Recording.start(folder);
  const inside = (name: string) => recording.inside(join(DIST, name));
  const lab = new Lab({ rs: inside("rs"), peer: inside("peer") });
  try {
    await play(lab);
  } finally {
    await lab.close();
    await recording.stop();
  }
  await assertClean(recording.path, folder, ANY_PORT);
  const told = tallies(lab.started);
  const rows = await packetFields(
    recording.path,
    folder,
    ["tcp.srcport", "tcp.dstport", "p2pdi.kind"],
    [...ANY_PORT, "-Y", "p2pdi"],
  );
  const seen = new Map<string, { received: Counts; sent: Counts }>();
  for (const port of told.keys()) seen.set(port, { received: {}, sent: {} });
  for (const [from, to, kinds] of rows as [string, string, string][]) {
    const server = seen.get(to)?.received ?? seen.get(from)?.sent;
    assert(server, `nobody counted what went from ${from} to ${to}: ${kinds}`);
    count(server, kinds.split(","));
  }
  assertEquals(Object.fromEntries(seen), Object.fromEntries(told));
  // Four serves, their control ports, and the two programs that sent.
  assert(told.size >= 10, `${told.size} servers`);
});

/**
 * What only a parent that falls behind in a broadcast leads to (Interested: somebody takes another's place below one); the
 * vectors hold them, and the first test sees them.
 */
const BY_CHANCE = ["Choke", "Have", "Interested"];

testIn(
  "a secured lab's day, decrypted: every message is seen and named, none is malformed",
  noRecording,
  async (folder) => {
    const recording = await Recording.start(folder);
    const keys = join(folder, "keys.log");
    const inside = (name: string) =>
      ["env", `SSLKEYLOGFILE=${keys}`, ...recording.inside(join(DIST, name))] as const;
    const lab = new Lab({ rs: inside("rs"), peer: inside("peer") });
    try {
      await playSecured(lab);
    } finally {
      await lab.close();
      await recording.stop();
    }
    const decrypt = [...ANY_PORT, "-o", `tls.keylog_file:${keys}`];
    const bad = "_ws.malformed || p2pdi.malformed || p2pdi.not_ours || p2pdi.unknown || p2pdi.cut";
    assertEquals(await tshark(recording.path, folder, [...decrypt, "-Y", bad]), "");
    const rows = await packetFields(recording.path, folder, ["p2pdi.kind"], [...decrypt, "-Y", "p2pdi"]);
    const seen = new Set(rows.flatMap(([kinds]) => kinds!.split(",")));
    const missing = Object.keys({ ...CONTROL, ...DATA }).filter((kind) => !seen.has(kind));
    assertEquals(missing.filter((kind) => !BY_CHANCE.includes(kind)), []);
    // As Wireshark's window does it: in one pass, each packet as it comes.
    const once = await packetFields(recording.path, folder, ["p2pdi.kind"], [...decrypt, "-Y", "p2pdi"], 1);
    assertEquals(once, rows);
  },
);

/** A capture of datagrams, raw IP, one after the other. */
function datagramFile(sent: readonly { port: number; bytes: Uint8Array }[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  [0xa1b2c3d4, 0x00020004, 0, 0, 65_535, 101].forEach((value, i) => header.setUint32(4 * i, value));
  const packets = sent.flatMap(({ port, bytes }, i) => {
    const head = new DataView(new ArrayBuffer(16 + 28));
    const length = 28 + bytes.length;
    [1_700_000_000 + i, 0, length, length].forEach((value, k) => head.setUint32(4 * k, value));
    head.setUint32(16, 0x45000000 + length);
    head.setUint32(24, 0x01110000);
    head.setUint32(28, 0x0a010002);
    head.setUint32(32, 0xefff1104);
    head.setUint32(36, 40_000 * 65_536 + port);
    head.setUint32(40, (8 + bytes.length) * 65_536);
    return [new Uint8Array(head.buffer), bytes];
  });
  return concat([new Uint8Array(header.buffer), ...packets]);
}

testIn(
  "blocks by multicast are shown as what they are, and what isn't one is left to others",
  noTshark,
  async (folder) => {
    const block = (header: Parameters<typeof writeBlockHeader>[2], length: number) => {
      const bytes = new Uint8Array(MULTICAST.headerBytes + length);
      writeBlockHeader(bytes, fromHex(session), header);
      return { port: portOfBlock(header.number), bytes };
    };
    const session = "a441b15fe9a3cf56";
    const path = join(folder, "blocks.pcap");
    await Deno.writeFile(
      path,
      datagramFile([
        block({ piece: 7, offset: 32_768, number: 57 }, 1_000),
        { port: portOfBlock(3), bytes: new Uint8Array(30) },
        block({ piece: undefined, offset: 0, number: 58 }, 0),
      ]),
    );
    const names = ["session", "piece", "offset", "number", "data", "end"].map((name) =>
      `p2pdi_block.${name}`
    );
    const seen = await packetFields(path, folder, names, ["-Y", "p2pdi_block"]);
    assertEquals(seen.map((row) => row.map(String)), [
      [session, "7", "32768", "57", "1000", ""],
      [session, "", "", "58", "", "1"],
    ]);
    await assertClean(path, folder);
  },
);

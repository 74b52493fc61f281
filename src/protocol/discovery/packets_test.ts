import { assert, assertEquals } from "@std/assert";
import { concat, fromHex, toHex } from "../../base/bytes.ts";
import { LIMITS } from "../../base/limits.ts";
import { UNPRINTABLE } from "../../base/text.ts";
import { decode, encode, type ResourceRecord } from "../../deps/dns_packet.ts";
import * as fc from "../../deps/fast_check.ts";
import { answerPacket, type Lab, questionPacket, readAnswer, readQuestion, SERVICE } from "./packets.ts";

const LAB: Lab = {
  id: "00112233445566778899",
  name: "PC-LEHRER",
  mode: "secured",
  port: 23475,
  addresses: ["10.1.0.2", "192.168.56.1"],
};

Deno.test("the question on the wire", () => {
  const name = [...SERVICE.split(".")].map((label) =>
    label.length.toString(16).padStart(2, "0") + toHex(new TextEncoder().encode(label))
  ).join("");
  // Header: id 7, a standard query, one question. Then the name, type PTR (12), class IN (1); RFC 1035, section 4.1.
  assertEquals(toHex(questionPacket(7)), `0007000000010000${"00000000"}${name}00000c0001`);
});

Deno.test("a question is for us, or it isn't", () => {
  const asked = readQuestion(questionPacket(7), LAB);
  assertEquals(asked, { id: 7, questions: [{ name: SERVICE, type: "PTR" }], unicast: false });
  const about = (name: string, type: string) =>
    readQuestion(encode({ type: "query", questions: [{ name, type }] }), LAB) !== undefined;
  assert(about("_P2PDI._TCP.local", "PTR"));
  assert(about(SERVICE, "ANY"));
  assert(about("_services._dns-sd._udp.local", "PTR"));
  assert(about(`pc-lehrer 00112233.${SERVICE}`, "SRV"));
  assert(about("p2pdi-00112233445566778899.local", "A"));
  assert(!about("_http._tcp.local", "PTR"));
  assert(!about(SERVICE, "A"));
  assert(!about(`PC-LEHRER 99999999.${SERVICE}`, "TXT"));
  assertEquals(readQuestion(answerPacket(LAB), LAB), undefined);
});

Deno.test("the bit that asks for an answer to the asker alone", () => {
  const bytes = questionPacket(0);
  bytes[bytes.length - 2] = 0x80;
  assertEquals(readQuestion(bytes, LAB)?.unicast, true);
});

Deno.test("an answer goes out and comes back", () => {
  assertEquals(readAnswer(answerPacket(LAB)), [LAB]);
  const asked = readQuestion(questionPacket(9), LAB)!;
  const bytes = answerPacket(LAB, { asked });
  assertEquals(readAnswer(bytes), [LAB]);
  const packet = decode(bytes);
  assertEquals([packet.id, packet.questions?.length], [9, 1]);
  assert([...packet.answers!, ...packet.additionals!].every(({ ttl, flush }) => ttl! <= 10 && !flush));
  assert(decode(answerPacket(LAB)).additionals!.every(({ flush }) => flush));
});

Deno.test("who says goodbye isn't there any more", () => {
  const bytes = answerPacket(LAB, { goodbye: true });
  assertEquals(readAnswer(bytes), []);
  assert(decode(bytes).answers!.every(({ ttl }) => ttl === 0));
});

Deno.test("tools that list services are told of ours", () => {
  const all = "_services._dns-sd._udp.local";
  const asked = readQuestion(encode({ type: "query", questions: [{ name: all, type: "PTR" }] }), LAB)!;
  const answers = decode(answerPacket(LAB, { asked })).answers!;
  assertEquals(answers.find(({ name }) => name === all)?.data, SERVICE);
});

Deno.test("any lab goes out and comes back, its name made printable", () => {
  const lab = fc.record({
    id: fc.stringMatching(/^[0-9a-f]{20}$/),
    name: fc.string({ minLength: 1, maxLength: 400, unit: "binary" }),
    mode: fc.constantFrom("open" as const, "secured" as const),
    port: fc.integer({ min: 1, max: 65535 }),
    addresses: fc.array(fc.ipV4().filter((a) => !/^(0|127|22[4-9]|2[3-5]\d)\./.test(a)), { maxLength: 16 }),
  });
  fc.assert(fc.property(lab, (lab) => {
    const [read] = readAnswer(answerPacket(lab));
    assertEquals({ ...read, name: "" }, { ...lab, name: "" });
    assert(!UNPRINTABLE.test(read!.name) && read!.name.length <= 64);
  }));
});

/** An answer with parts changed. */
function changed(change: (record: ResourceRecord) => Partial<ResourceRecord> | undefined): Lab[] {
  const packet = decode(answerPacket(LAB));
  const apply = (all: ResourceRecord[]) =>
    all.flatMap((each) => {
      const by = change(each);
      return by ? [{ ...each, ...by }] : [];
    });
  return readAnswer(
    encode({ ...packet, answers: apply(packet.answers!), additionals: apply(packet.additionals!) }),
  );
}

Deno.test("an answer that is not whole, or makes no sense, is none", () => {
  const text = (...data: string[]) => changed((r) => r.type === "TXT" ? { data } : r);
  assertEquals(changed((r) => r).length, 1);
  for (const type of ["PTR", "SRV", "TXT"]) {
    assertEquals(changed((r) => r.type === type ? undefined : r), [], type);
  }
  assertEquals(text("v=2", "mode=open", "id=xyz"), []);
  assertEquals(text("v=2", "mode=free", `id=${LAB.id}`), []);
  assertEquals(text("v=3", "mode=open", `id=${LAB.id}`), []);
  assertEquals(text("v=2", "mode=open", `id=${LAB.id}`)[0]?.name, "no name");
  assertEquals(text("v=2", "v=9", "mode=open", `id=${LAB.id}`, "name=\x1b[2J")[0]?.name, "\\u{1b}[2J");
  assertEquals(changed((r) => r.type === "SRV" ? { data: { port: 0, target: "x.local" } } : r), []);
  const elsewhere = changed((r) => r.type === "A" ? { data: "127.0.0.1" } : r);
  assertEquals(elsewhere[0]?.addresses, []);
});

Deno.test("of a flood only so much is taken", () => {
  const labs = Array.from({ length: 40 }, (_, i) => ({ ...LAB, id: i.toString().padStart(20, "0") }));
  const packets = labs.map((lab) => decode(answerPacket(lab)));
  const answers = packets.flatMap((p) => p.answers!);
  const additionals = packets.flatMap((p) => p.additionals!);
  const all = encode({ type: "response", answers, additionals });
  assert(all.length <= LIMITS.datagram * 2);
  assert(readAnswer(all).length <= LIMITS.discoveryLabs);
  const many = Array.from({ length: 100 }, (_, i) => `10.0.0.${i + 1}`);
  assertEquals(
    readAnswer(answerPacket({ ...LAB, addresses: many }))[0]?.addresses.length,
    LIMITS.discoveryAddresses,
  );
  assertEquals(readAnswer(concat([answerPacket(LAB), new Uint8Array(LIMITS.datagram)])), []);
});

Deno.test("garbage, and answers with a few bytes changed, throw nothing", () => {
  const good = [answerPacket(LAB), questionPacket(1)];
  const bent = fc.tuple(
    fc.constantFrom(...good),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 }),
  ).map(([bytes, changes]) => {
    const copy = bytes.slice();
    for (const [at, value] of changes) copy[at % copy.length] = value;
    return copy;
  });
  const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }), bent);
  fc.assert(
    fc.property(anything, (bytes) => {
      for (const { name, port, addresses } of readAnswer(bytes)) {
        assert(!UNPRINTABLE.test(name) && port > 0 && port < 65536 && addresses.length <= 16);
      }
      readQuestion(bytes, LAB);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("names that point at each other in a ring are garbage", () => {
  const ring = fromHex("000084000000000100000000" + "c00c" + "000c0001" + "00000000" + "0002" + "c00c");
  assertEquals(readAnswer(ring), []);
});

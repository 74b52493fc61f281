/** Properties of the decoder for the course's own programs, with inputs at random; see codec_fuzz_test.ts. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { concat, utf8 } from "../../src/base/bytes.ts";
import { RemoteProtocolError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import * as fc from "../../src/deps/fast_check.ts";
import { ClassicDecoder, type ClassicRequest } from "../../src/protocol/classic/request.ts";
import { cut } from "./wire.ts";

const RUNS = Number(Deno.env.get("FUZZ_RUNS") ?? 0);
const times = (numRuns: number) => ({ numRuns: RUNS > 0 ? RUNS : numRuns });

/** The requests, and how it ended; nothing else than a RemoteProtocolError may be thrown. */
function outcome(chunks: Iterable<Uint8Array>): [ClassicRequest[], string] {
  const decoder = new ClassicDecoder();
  const seen: ClassicRequest[] = [];
  try {
    for (const chunk of chunks) for (const request of decoder.push(chunk)) seen.push(request);
    return [seen, decoder.atBorder ? "at a border" : "in the middle"];
  } catch (thrown) {
    assertInstanceOf(thrown, RemoteProtocolError, `${thrown}`);
    return [seen, thrown.message];
  }
}

const word = fc.constantFrom(
  "GET",
  "POST",
  "RFC",
  "RFC-Index",
  "Register",
  "PQuery",
  "Leave",
  "P2P-DI/1.0",
  "793",
  "",
);
const line = fc.oneof(
  fc.array(word, { maxLength: 5 }).map((words) => words.join(" ")),
  fc.tuple(fc.constantFrom("Host", "Port", "Cookie", "OS", "x"), fc.string({ maxLength: 20 }))
    .map(([name, value]) => `${name}: ${value}`),
);
const text = fc.array(line, { maxLength: 6 }).map((lines) => `${lines.join("\r\n")}\r\n\r\n`);
const key = fc.constantFrom("msg", "Hostname", "Portnumber", "file", "__proto__", "x");
const value = fc.oneof(
  fc.constantFrom("Register_to_RS", "Active_peer", "Leave_the_server", "listoffiles", "Requesting_files"),
  fc.jsonValue(),
);
const json = fc.dictionary(key, value, { maxKeys: 5 }).map((object) => JSON.stringify(object));
const piece = fc.oneof(json, text, fc.string({ unit: "binary", maxLength: 30 })).map(utf8);
const input = fc.array(fc.oneof(piece, fc.uint8Array({ maxLength: 30 })), { maxLength: 6 }).map(concat);

Deno.test("however the bytes are cut, they ask the same", () => {
  fc.assert(
    fc.property(input, fc.array(fc.nat(400), { maxLength: 8 }), (bytes, places) => {
      assertEquals(outcome(cut(bytes, places)), outcome([bytes]));
    }),
    times(500),
  );
});

Deno.test("what comes out keeps to its limits", () => {
  fc.assert(
    fc.property(input, (bytes) => {
      for (const request of outcome([bytes])[0]) {
        if (!("port" in request)) continue;
        assert(request.port === undefined || (request.port >= 1 && request.port <= 65535));
        assert(request.host.length <= 255 && (request.cookie?.length ?? 0) <= 64);
      }
    }),
    times(500),
  );
});

Deno.test("an object of any JSON is cut out where it ends", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (object) => {
      const bytes = utf8(JSON.stringify(object));
      if (bytes.length > LIMITS.classicRequest) return;
      const [seen, end] = outcome([bytes, utf8('{"msg":"listoffiles"}')]);
      assertEquals([seen.length, seen[1]?.kind, end], [2, "index", "at a border"]);
    }),
    times(300),
  );
});

/** Targets: frames, messages, the course's own programs. */

import { type Bytes, concat, fromHex, utf8 } from "../../src/base/bytes.ts";
import { RemoteProtocolError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import * as fc from "../../src/deps/fast_check.ts";
import { ClassicDecoder } from "../../src/protocol/classic/request.ts";
import { decodeMessage, encodeMessage } from "../../src/protocol/codec.ts";
import { CONTROL, type ControlName } from "../../src/protocol/messages.ts";
import { messagesOf } from "../contract/arbitraries.ts";
import { cut, readAll } from "../contract/wire.ts";
import { demand, same } from "./demand.ts";
import type { Target } from "./engine.ts";

interface Vector {
  kind: string;
  fields?: Record<string, unknown>;
  frame: string[];
}

function vectors(): Vector[] {
  const folder = new URL("../vectors/", import.meta.url);
  return [...Deno.readDirSync(folder)].filter(({ name }) => /^[A-Z].*\.json$/.test(name))
    .map(({ name }) => JSON.parse(Deno.readTextFileSync(new URL(name, folder))));
}

/** What it says, or why it's refused: by nothing but a RemoteProtocolError. */
function outcome(read: () => unknown): string {
  try {
    return JSON.stringify(read(), (_, value) => value instanceof Uint8Array ? value.length : value);
  } catch (thrown) {
    demand(thrown instanceof RemoteProtocolError, `threw ${thrown}`, thrown);
    return `refused: ${thrown.message}`;
  }
}

/** The first bytes say where the rest is cut: wherever that is, it must mean the same. */
function frames(greeted: boolean): Target {
  const some = vectors().map(({ frame }) => fromHex(frame.join("")));
  const join = (...list: Bytes[]) => concat([Uint8Array.of(3, 14, 40), ...list]);
  return {
    name: greeted ? "frames" : "frames-before-greeting",
    seeds: () => [...some.map((frame) => join(frame)), join(...some.slice(0, 9)), join(...some.slice(-9))],
    run(input) {
      const places = [...input.subarray(0, 3)].map((byte, i) => byte * (1 + 7 * i));
      const bytes = input.subarray(3);
      const whole = outcome(() => readAll([bytes], greeted));
      same(outcome(() => readAll(cut(bytes, places), greeted)), whole, "cut");
      return whole.startsWith("refused") ? whole : whole.replace(/:.*?[,}]/g, "");
    },
  };
}

function message(kind: ControlName, seeds: Bytes[]): Target {
  const { type } = CONTROL[kind];
  const arbitrary = messagesOf(kind);
  const payload = ({ kind: _, ...fields }: { kind: string }) => utf8(JSON.stringify(fields));
  return {
    name: `message-${kind}`,
    isJson: true,
    seeds: () => seeds,
    fresh: (random) =>
      payload(fc.sample(arbitrary, { numRuns: 1, seed: Math.floor(random.next() * 2 ** 31) })[0]!),
    run(input) {
      let read;
      try {
        read = decodeMessage(type, input);
      } catch (thrown) {
        demand(thrown instanceof RemoteProtocolError, `threw ${thrown}`, thrown);
        demand(thrown.message.length < 300, "a sentence that is too long");
        return thrown.message;
      }
      same(read.kind, kind, "its kind");
      same(Object.getPrototypeOf(read), Object.prototype, "its prototype");
      try {
        const frame = encodeMessage(read, 1);
        const [again] = readAll([frame]);
        same(JSON.stringify(again), JSON.stringify({ stream: 1, message: read }), "there and back");
      } catch (thrown) {
        demand(thrown instanceof RangeError, `threw ${thrown}`, thrown);
      }
      return Object.keys(read).join();
    },
  };
}

const classic: Target = {
  name: "classic",
  most: 2 * LIMITS.classicRequest,
  seeds: () =>
    [
      ...['{"msg":"listoffiles"}', '{"msg":"Register_to_RS","Hostname":"pc7","Portnumber":65000}'],
      ...['{"msg":"Active_peer","file":{"a":["\\"}"]}}{"msg":"Leave_the_server"}'],
      ...["GET RFC 793 P2P-DI/1.0\r\nHost: pc7\r\nOS: Linux\r\n\r\n", "GET RFC-Index P2P-DI/1.0\r\n\r\n"],
      ...[
        "POST Register P2P-DI/1.0\r\nHost: pc7\r\nPort: 65001\r\nCookie: 7\r\n\r\nGET PQuery P2P-DI/1.0\n\n",
      ],
    ].map((text) => concat([Uint8Array.of(9, 9, 9), utf8(text)])),
  run(input) {
    const read = (chunks: Uint8Array[]) => {
      const decoder = new ClassicDecoder();
      return outcome(() => chunks.flatMap((chunk) => [...decoder.push(chunk)]));
    };
    const bytes = input.subarray(3);
    const whole = read([bytes]);
    same(read(cut(bytes, [...input.subarray(0, 3)])), whole, "cut");
    return whole;
  },
};

/** Frames, every message, classic. */
export function wireTargets(): Target[] {
  const known = vectors();
  const kinds = Object.keys(CONTROL) as ControlName[];
  return [
    frames(true),
    frames(false),
    ...kinds.map((kind) => {
      const seeds = known.filter((vector) => vector.kind === kind).map(({ fields }) =>
        utf8(JSON.stringify(fields))
      );
      return message(kind, seeds);
    }),
    classic,
  ];
}

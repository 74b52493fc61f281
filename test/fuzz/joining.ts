/** Targets: proofs, joining, both sides of a handshake, the receiving end of a data connection. */

import { type Bytes, concat, utf8 } from "../../src/base/bytes.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { LabError, RemoteProtocolError } from "../../src/base/errors.ts";
import { peerNameFault } from "../../src/catalog/names.ts";
import { fromBase64, fromPem, memberId } from "../../src/join/keys.ts";
import type { LabSecurity } from "../../src/join/lab_security.ts";
import { fingerprintOf, hasKey, isAuthority, knowsSecret, makeJoin } from "../../src/join/request.ts";
import { decodeMessage, encodeMessage } from "../../src/protocol/codec.ts";
import { CONTROL, type Fields, type Message } from "../../src/protocol/messages.ts";
import { greet, type Host, type Identity, welcome } from "../../src/transport/handshake.ts";
import { memoryPipe } from "../../src/transport/memory.ts";
import { PieceChannel } from "../../src/transport/piece_channel.ts";
import { writeAll } from "../../src/transport/stream.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";
import { demand } from "./demand.ts";
import type { Target } from "./engine.ts";
import { AUTHORITY, fixedKeys, fixedLab } from "./fixed_lab.ts";

const NONCE = "ab".repeat(32);
const HELLO: Fields<"Hello"> = { versions: [2], role: "peer", name: "pupil", agent: "test", features: [] };
const TOOL: Identity = { role: "tool", agent: "test" };

/** As it comes off the wire, or the sentence with which it's refused. */
function read<K extends "Proof" | "Join">(kind: K, input: Uint8Array): Fields<K> | string {
  try {
    return decodeMessage(CONTROL[kind].type, input) as Fields<K>;
  } catch (thrown) {
    demand(thrown instanceof RemoteProtocolError, `threw ${thrown}`, thrown);
    return thrown.message;
  }
}

function refusal(thrown: unknown): string {
  demand(thrown instanceof LabError, `threw ${thrown}`, thrown);
  return thrown.message;
}

async function proofs(): Promise<Target> {
  const { lead, pupil } = await fixedLab();
  const good = await pupil.prove(lead.self.id, NONCE, HELLO);
  const essence = ({ to, card, signature }: Fields<"Proof">) =>
    JSON.stringify([to, card.name, card.role, card.key, [...fromBase64(signature)]]);
  return {
    name: "proof",
    isJson: true,
    seeds: () => [utf8(JSON.stringify(good)), utf8(JSON.stringify({ ...good, card: lead.credentials.card }))],
    async run(input) {
      const proof = read("Proof", input);
      if (typeof proof === "string") return proof;
      try {
        const member = await lead.verify(proof, NONCE, HELLO);
        demand(
          essence(proof) === essence(good) && member.id === pupil.self.id,
          "a forged proof was accepted",
        );
        return "accepted";
      } catch (thrown) {
        const said = refusal(thrown);
        demand((thrown as LabError).code === "not_permitted", "its code", thrown);
        return said;
      }
    },
  };
}

async function joining(): Promise<Target> {
  const secret = new Uint8Array([1, 2, 3, 4, 5]);
  const { own, publicKey } = await fixedKeys(4);
  const context = { nonce: NONCE, authority: AUTHORITY };
  const wish = { name: "pc7", key: publicKey };
  const good = await makeJoin(wish, { secret, own }, context);
  const wrong = await makeJoin(wish, { secret: new Uint8Array(5), own }, context);
  return {
    name: "join",
    isJson: true,
    seeds: () => [good, wrong].map((join) => utf8(JSON.stringify(join))),
    async run(input) {
      const join = read("Join", input);
      if (typeof join === "string") return join;
      const fault = peerNameFault(join.name);
      const has = await hasKey(join, context);
      const knows = await knowsSecret(join, secret, context);
      demand(
        !(has || knows) || (join.name === wish.name && join.key === wish.key),
        "an old proof for another name or key",
      );
      if (has && knows) await memberId(join.key);
      return `${fault} ${has} ${knows}`;
    },
  };
}

async function authority(): Promise<Target> {
  const fingerprint = await fingerprintOf(fromPem(AUTHORITY), 10);
  const right = String(fromPem(AUTHORITY));
  return {
    name: "authority",
    seeds: () => [utf8(AUTHORITY), utf8(`x\n${AUTHORITY}`), utf8("-----BEGIN X-----\n\n-----END X-----")],
    async run(input) {
      const text = new TextDecoder().decode(input);
      const is = await Promise.resolve().then(() => isAuthority(fromPem(text), fingerprint)).catch(() =>
        false
      );
      demand(!is || String(fromPem(text)) === right, "another certificate passed");
      return String(is);
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve();
}

function world() {
  const clock = new FakeClock();
  const [near, far] = memoryPipe({ capacity: 1 << 20 });
  return { clock, near, far, options: { clock, watchdog: new Watchdog(clock) } };
}

const frames = (...list: [Message, number][]) =>
  concat(list.map(([message, stream]) => encodeMessage(message, stream)));
const hello: Message = { kind: "Hello", ...HELLO };
const ask: Message = { kind: "KeepAlive", cookie: "7" };

/** Whoever dials says whatever it likes. */
function accepting(name: string, security: LabSecurity | undefined, seeds: Bytes[]): Target {
  return {
    name,
    seeds: () => seeds,
    async run(input) {
      const { near, far, options } = world();
      let entered = 0;
      const judging: Promise<unknown>[] = [];
      const watched = security && new Proxy(security, {
        get(target, key) {
          if (key !== "verify") return Reflect.get(target, key, target);
          return (...args: Parameters<LabSecurity["verify"]>) => {
            const judged = target.verify(...args);
            judging.push(judged.catch(() => {}));
            return judged;
          };
        },
      });
      const host: Host = {
        identity: { role: "peer", name: "host", agent: "test" },
        security: watched,
        handlerFor() {
          entered++;
          return (_, exchange) => exchange.send({ kind: "Alive", ttl: 7 });
        },
      };
      const connection = welcome(far, host, options);
      await writeAll(near, input);
      await settle();
      await Promise.all(judging);
      await settle();
      near.close();
      await connection.closed;
      demand(!security || entered === 0, "somebody got in without a proof");
      demand(entered <= 1, "somebody got in twice");
      return `${entered} ${refusal(connection.reason)}`;
    },
  };
}

/** Whoever answers says whatever it likes. */
function dialling(pupil: LabSecurity): Target {
  const proving = { security: pupil, to: "rs" };
  const challenge: Message = { kind: "Challenge", nonce: NONCE };
  const enter: Message = {
    kind: "Welcome",
    version: 2,
    role: "rs",
    agent: "test",
    features: [],
    mode: "secured",
  };
  return {
    name: "dial",
    seeds: () => [
      frames([challenge, 1], [enter, 1], [ask, 2]),
      frames([enter, 1]),
      frames([{ kind: "Error", code: "not_permitted", message: "\x1b[2Jno" }, 0]),
      frames([challenge, 1], [challenge, 1], [hello, 2]),
    ],
    async run(input) {
      const { near, far, options } = world();
      const handler = (_: Message, exchange: { send(message: Message): Promise<void> }) =>
        exchange.send({ kind: "Alive", ttl: 7 });
      const greeting = greet(near, TOOL, { ...options, proving, handler }).then(
        ({ connection }) => connection.closed.then(() => `in, ${refusal(connection.reason)}`),
        refusal,
      );
      await writeAll(far, input);
      await settle();
      far.close();
      return await greeting;
    },
  };
}

function pieceChannel(): Target {
  const enter: Message = {
    kind: "Welcome",
    version: 2,
    role: "peer",
    agent: "test",
    features: [],
    mode: "open",
  };
  const data = (length: number, stream: number, bytes: number) => {
    const frame = new Uint8Array(12 + bytes);
    const view = new DataView(frame.buffer);
    view.setUint32(0, length);
    view.setUint8(4, 0x33);
    view.setUint32(8, stream);
    return frame;
  };
  const refused: Message = { kind: "Error", code: "not_found", message: "no" };
  return {
    name: "piece-channel",
    seeds: () => [
      concat([frames([enter, 1]), data(100, 3, 100), data(7, 5, 7)]),
      concat([frames([enter, 1], [refused, 3]), data(7, 5, 7), data(7, 5, 7)]),
      concat([frames([enter, 1]), data(0xffffffff, 3, 50)]),
    ],
    async run(input) {
      const { near, far, clock } = world();
      const seen: string[] = [];
      const receiving = (async () => {
        const channel = await PieceChannel.open(near, TOOL, { clock, pause: () => {} });
        channel.ask({ content: NONCE, piece: 0, length: 100 });
        channel.ask({ content: NONCE, piece: 1, length: 7 });
        while (true) {
          const answer = await channel.receive();
          if (answer.kind === "piece") demand(answer.bytes.length === answer.ticket.length, "its length");
          seen.push(answer.kind);
          demand(seen.length <= 2, "an answer nobody asked for");
        }
      })().catch(refusal);
      await writeAll(far, input);
      await settle();
      far.close();
      const end = await receiving;
      near.close();
      return `${seen} ${end}`;
    },
  };
}

/** Proofs, joining, handshakes. */
export async function joiningTargets(): Promise<Target[]> {
  const { lead, pupil } = await fixedLab();
  const proof: Message = { kind: "Proof", ...await pupil.prove(lead.self.id, NONCE, HELLO) };
  const join: Message = { kind: "Join", name: "pc7", key: "k", proof: "p", possession: "s" };
  return [
    await proofs(),
    await joining(),
    await authority(),
    accepting("accept-secured", lead, [
      frames([hello, 1], [proof, 1], [ask, 3]),
      frames([hello, 1], [join, 1]),
      frames([ask, 1], [hello, 3]),
    ]),
    accepting("accept-open", undefined, [
      frames([hello, 1], [ask, 3], [{ kind: "Cancel" }, 3], [ask, 5]),
      frames([hello, 1], [proof, 1], [hello, 3]),
    ]),
    dialling(pupil),
    pieceChannel(),
  ];
}

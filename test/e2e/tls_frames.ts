/** Says a few messages of P2P-DI/2 over TLS, on loopback, for the test of the dissector: PORT CERTIFICATE KEY. */

import { concat } from "../../src/base/bytes.ts";
import { encodeMessage } from "../../src/protocol/codec.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { DATA } from "../../src/protocol/messages.ts";

const [port, cert, key] = Deno.args as [string, string, string];
const certificate = await Deno.readTextFile(cert);

const listener = Deno.listenTls({
  hostname: "127.0.0.1",
  port: Number(port),
  cert: certificate,
  key: await Deno.readTextFile(key),
});
const [accepted, dialled] = await Promise.all([
  listener.accept(),
  Deno.connectTls({ hostname: "127.0.0.1", port: Number(port), caCerts: [certificate] }),
]);

/** Sends from one end, and waits until the other end has it all. */
async function say(from: Deno.TlsConn, to: Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  const sending = (async () => {
    for (let at = 0; at < bytes.length;) at += await from.write(bytes.subarray(at));
  })();
  const buffer = new Uint8Array(65536);
  for (let got = 0; got < bytes.length;) {
    const n = await to.read(buffer);
    if (n === null) throw new Error("The connection ended");
    got += n;
  }
  await sending;
}

const who = { agent: "test", features: [] };
await say(
  dialled,
  accepted,
  encodeMessage({ kind: "Hello", versions: [2], role: "peer", name: "pc7", ...who }, 1),
);
await say(
  accepted,
  dialled,
  encodeMessage({ kind: "Welcome", version: 2, role: "rs", mode: "open", ...who }, 1),
);
const ask = { kind: "PieceRequest", content: "ab".repeat(32), piece: 7 } as const;
await say(dialled, accepted, concat([encodeMessage(ask, 3), encodeMessage({ ...ask, piece: 8 }, 5)]));
const pieces = [3, 5].map((stream) => encodeFrame(DATA.PieceData.type, stream, new Uint8Array(100_000)));
await say(accepted, dialled, concat(pieces));
for (const end of [dialled, accepted, listener]) end.close();

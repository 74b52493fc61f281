import { assertEquals } from "@std/assert";
import { utf8 } from "../../../src/base/bytes.ts";
import { encodeFrame, HEADER_BYTES, readHeader } from "../../../src/protocol/frame.ts";
import { CONTROL } from "../../../src/protocol/messages.ts";
import { LoadPeer } from "./client.ts";

/** Answers every frame with Alive, except for a Hello and a PQuery; each answer goes out in two halves. */
async function serve(listener: Deno.TcpListener): Promise<void> {
  using conn = await listener.accept();
  const bytes = new Uint8Array(4096);
  const answer = (type: number, fields: unknown) => encodeFrame(type, 0, utf8(JSON.stringify(fields)));
  for (let filled = 0, n; (n = await conn.read(bytes.subarray(filled))) !== null;) {
    filled += n;
    let at = 0;
    for (; filled - at >= HEADER_BYTES; at += HEADER_BYTES + readHeader(bytes.subarray(at)).length) {
      const { type } = readHeader(bytes.subarray(at));
      const said = type === CONTROL.Hello.type
        ? answer(CONTROL.Welcome.type, {})
        : type === CONTROL.PQuery.type
        ? answer(CONTROL.Peers.type, { peers: [], version: "7", more: "x".repeat(3000) })
        : answer(CONTROL.Alive.type, {});
      await conn.write(said.subarray(0, 5));
      await conn.write(said.subarray(5));
    }
    bytes.copyWithin(0, at, filled);
    filled -= at;
  }
}

Deno.test("a keep-alive that comes due while a question is open waits for its answer", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const served = serve(listener);
  const peer = await LoadPeer.dial({ hostname: "127.0.0.1", port: listener.addr.port }, "pc1");
  const asked = [peer.changes(), peer.keepAlive(), peer.changes(), peer.keepAlive()];
  assertEquals((await Promise.all(asked)).filter((told) => told !== undefined), [0, 0]);
  assertEquals(peer.version, "7");
  peer.close();
  await served;
});

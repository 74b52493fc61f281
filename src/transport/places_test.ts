/** Who has a place at a server, and who loses it. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { encodeFrame } from "../protocol/frame.ts";
import { settle } from "./_fixture.ts";
import { Connection } from "./connection.ts";
import { memoryPipe } from "./memory.ts";
import { Places } from "./places.ts";
import { writeAll } from "./stream.ts";
import { Watchdog } from "./watchdog.ts";

const NO_LIMITS = { connections: 100, handshakes: 100, perAddress: 100, perMember: 100 };

/** A server's door. Each that knocks does so a second after the one before. */
function door(limits: Partial<typeof NO_LIMITS>) {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  const places = new Places({ ...NO_LIMITS, ...limits });
  const wires = new Map<Connection, { speak: () => Promise<void> }>();
  const knock = (host: string): Connection => {
    clock.advance(1);
    const [far, near] = memoryPipe({ a: { host, port: 50_000 } });
    places.makeRoom(near.remote.host);
    const connection = new Connection(near, { clock, watchdog, side: "acceptor" });
    places.add(connection);
    connection.closed.then(() => places.remove(connection));
    wires.set(connection, {
      async speak() {
        clock.advance(1);
        await writeAll(far, encodeFrame(0xee, 1, new Uint8Array(1)));
        await settle();
      },
    });
    return connection;
  };
  const enter = (host: string, id?: string): Connection => {
    const connection = knock(host);
    connection.member = id === undefined ? undefined : { id, name: id, role: "member" };
    places.greeted(connection);
    return connection;
  };
  return {
    places,
    knock,
    enter,
    speak: (connection: Connection) => wires.get(connection)!.speak(),
    end: () => [...wires.keys()].forEach((each) => each.close()),
  };
}

const open = (list: readonly Connection[]) => list.map(({ isClosed }) => !isClosed);

Deno.test("who floods from one address pushes itself out: its most silent one; others stay", async () => {
  const d = door({ perAddress: 3 });
  const greeted = d.enter("192.0.2.1");
  const neighbour = d.knock("192.0.2.2");
  const flood = [1, 2, 3].map(() => d.knock("192.0.2.1"));
  await d.speak(flood[0]!);
  const newcomer = d.knock("192.0.2.1");
  assertEquals(open([greeted, neighbour, ...flood, newcomer]), [true, true, true, false, true, true]);
  for (let i = 0; i < 50; i++) d.knock("192.0.2.1");
  assertEquals(open([greeted, neighbour, ...flood]), [true, true, false, false, false]);
  assertEquals(d.places.all.size, 5);
  d.end();
});

Deno.test("members don't count for their address, a lab sits behind NAT; each has a number of places", () => {
  const d = door({ perAddress: 2, perMember: 3 });
  const lab = Array.from({ length: 40 }, (_, i) => d.enter("192.0.2.1", `pc${i}`));
  assertEquals(d.places.all.size, 40);
  const own = Array.from({ length: 5 }, () => d.enter("192.0.2.7", "greedy"));
  assertEquals(open(own), [false, false, true, true, true]);
  assertEquals(open(lab).every((is) => is), true);
  d.end();
  assertEquals(d.places.all.size, 43, "they leave when their closing is heard of");
});

Deno.test("all places taken: first one that hasn't greeted goes, then whoever was silent longest", async () => {
  const d = door({ connections: 4 });
  const [a, b] = [d.enter("192.0.2.1"), d.enter("192.0.2.2", "b")];
  const strangers = [d.knock("192.0.2.3"), d.knock("192.0.2.4")];
  const c = d.enter("192.0.2.5", "c");
  assertEquals(open([a, b, ...strangers, c]), [true, true, false, true, true]);
  const e = d.enter("192.0.2.6", "e");
  await d.speak(a);
  const f = d.knock("192.0.2.7");
  assertEquals(open([a, b, ...strangers, c, e, f]), [true, false, false, false, true, true, true]);
  d.end();
});

import { assertEquals } from "@std/assert";
import type { Connection } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import { Exchanges } from "./exchanges.ts";

Deno.test("exchanges are found by their stream, whichever came first and whichever goes first", () => {
  const exchanges = new Exchanges();
  const [a, b, c] = [1, 3, 5].map((stream) => new Exchange({} as Connection, stream)) as [
    Exchange,
    Exchange,
    Exchange,
  ];
  const found = () => [1, 3, 5, 7].map((stream) => exchanges.get(stream)?.stream);
  for (const each of [a, b]) exchanges.add(each);
  assertEquals(found(), [1, 3, undefined, undefined]);
  exchanges.remove(a);
  exchanges.add(c);
  assertEquals(found(), [undefined, 3, 5, undefined]);
  exchanges.remove(new Exchange({} as Connection, 3));
  exchanges.remove(a);
  assertEquals(found(), [undefined, 3, 5, undefined]);
  exchanges.remove(b);
  exchanges.add(a);
  assertEquals(exchanges.takeAll().map(({ stream }) => stream).sort(), [1, 5]);
  assertEquals([...found(), ...exchanges.takeAll()], [undefined, undefined, undefined, undefined]);
});

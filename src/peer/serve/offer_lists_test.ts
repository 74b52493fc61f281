/** Lists of files that are offered at the same time, by one and by several. */

import { assertEquals, assertRejects } from "@std/assert";
import { codeOf, LabError } from "../../base/errors.ts";
import type { Message, MessageOf, WireFile } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { OfferLists } from "./offer_lists.ts";

const FILE: WireFile = ["a.txt", 5, "a".repeat(64)];

function offer(files: number, more: boolean): MessageOf<"Offer"> {
  const list = Array.from({ length: files }, () => FILE);
  return { kind: "Offer", purpose: "send", id: "1", peer: "pc7", port: 9, files: list, bytes: 5, more };
}

/** Somebody who tells the next messages of a list when asked. */
function teller(...following: MessageOf<"Offer">[]): Exchange {
  const send = (message: Message) => Promise.resolve(assertEquals(message.kind, "OfferNext"));
  const gone = () => Promise.reject(new LabError("timeout", "silent"));
  const expect = () => following.length > 0 ? Promise.resolve(following.shift()!) : gone();
  return { send, expect } as unknown as Exchange;
}

const LIMITED = { perList: 10, perSender: 15, all: 25 };

Deno.test("a long list comes whole; one that is too long doesn't", async () => {
  const lists = new OfferLists(LIMITED);
  const whole = await lists.begin("a").take(offer(4, true), teller(offer(4, true), offer(4, false)));
  assertEquals(whole.length, 12);
  const endless = teller(...Array.from({ length: 9 }, () => offer(4, true)));
  const thrown = await assertRejects(() => lists.begin("b").take(offer(4, true), endless), LabError);
  assertEquals([codeOf(thrown), thrown.message], ["failed", "Too many files in one offer: 12"]);
});

Deno.test("lists that one begins and doesn't end count together; others have their own, until all are too many", async () => {
  const lists = new OfferLists(LIMITED);
  const half = async (sender: string, files: number) => {
    const list = lists.begin(sender);
    const thrown = await assertRejects(() => list.take(offer(files, true), teller()), LabError);
    return { code: codeOf(thrown), end: list.end };
  };
  const first = await half("a", 8);
  const second = await half("a", 8);
  assertEquals([first.code, second.code], ["timeout", "busy"]);
  const other = await half("b", 8);
  assertEquals(other.code, "timeout");
  assertEquals((await half("c", 2)).code, "busy");
  // What fits one message is taken all the same.
  assertEquals((await lists.begin("c").take(offer(2, false), teller())).length, 2);
  // What is over counts no longer.
  second.end();
  assertEquals((await half("a", 2)).code, "timeout");
  assertEquals((await half("d", 2)).code, "timeout");
});

/** The stage of the tests of the page of `rs serve`: a lab, and a real Chromium. */

import { assertEquals } from "@std/assert";
import type { Lab } from "../../scripts/programs.ts";
import { Chromium, noChromium } from "./chromium.ts";
import { labTest } from "./lab.ts";

/** Starts `rs serve` with its page. @returns the page's address, and the server's. */
export async function withPage(
  lab: Lab,
  ...flags: string[]
): Promise<{ url: string; port: number; address: string }> {
  const { running, port, address } = await lab.rs("rs", "--http-port", "0", ...flags);
  const { httpPort } = await running.event("listening");
  return { url: `http://127.0.0.1:${httpPort}/`, port, address };
}

/** A test with a lab and a browser, whose pages complain of nothing and ask nobody else. */
export function pageTest(name: string, test: (lab: Lab, chromium: Chromium) => Promise<void>): void {
  labTest(name, async (lab) => {
    await using chromium = await Chromium.start();
    await test(lab, chromium);
    assertEquals(chromium.complaints, []);
    const elsewhere = chromium.requests.filter((url) => !url.startsWith("http://127.0.0.1:"));
    assertEquals(elsewhere, [], "no request leaves this machine");
  }, { skip: noChromium });
}

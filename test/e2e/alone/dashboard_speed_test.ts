/** How quick the page is with a large lab: times on the wall, which other tests beside it would lengthen. */

import { assert, assertEquals, assertLess } from "@std/assert";
import type { Page } from "../../../src/deps/playwright.ts";
import { announce, largeLab, row } from "../fake_lab.ts";
import { pageTest, withPage } from "../page.ts";

/** The best of a few, or the first that is good enough: other programs of this machine don't count. Milliseconds. */
async function firstPaint(page: Page, enough: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 20 && (i < 3 || Math.min(...times) >= enough); i++) {
    await page.reload();
    await page.locator("#figure-peers b", { hasText: "400" }).waitFor();
    times.push(await page.evaluate<number>(`performance.getEntriesByName("first-paint")[0].startTime`));
  }
  return Math.min(...times);
}

/** How long something took each time, milliseconds, ascending. */
async function measures(page: Page, name: string): Promise<number[]> {
  const times = await page.evaluate<number[]>(
    `performance.getEntriesByName("${name}").map((e) => e.duration)`,
  );
  return times.sort((a, b) => a - b);
}

pageTest(
  "400 PCs and 20,000 files: updates stay short, the page is small and quick",
  async (lab, chromium) => {
    const { url, port } = await withPage(lab);
    await using fakes = await largeLab(port);
    const page = await chromium.open(url);
    await page.locator("#figure-peers b", { hasText: "400 / 400" }).waitFor();
    await page.locator("#figure-files b", { hasText: "20,005" }).waitFor();
    const bytes = await page.evaluate<number>(`
    performance.getEntries().filter(({ name, decodedBodySize }) => decodedBodySize && !name.includes("/api/"))
      .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)
  `);
    assert(bytes > 10_000);
    assertLess(bytes, 150_000);
    await page.getByRole("tab", { name: "Files" }).click();
    await page.locator(".grid-files .grid-body .grid-row").first().waitFor();
    assertLess(await page.locator(".grid-row").count(), 120, "only the rows in sight exist");
    for (let i = 0; i < 12; i++) {
      await Promise.all(
        fakes.peers.slice(i * 8, i * 8 + 8).map((peer) => announce(peer, [row(`new/${i}-${peer.name}.txt`)])),
      );
      await page.locator("#figure-files b", { hasText: (20_005 + (i + 1) * 8).toLocaleString("en-US") })
        .waitFor();
      await page.locator(".grid-files").press(i % 2 ? "PageDown" : "End");
    }
    await page.getByRole("tab", { name: "PCs" }).click();
    for (const { link, cookie } of fakes.peers.slice(0, 40)) {
      await link.request(
        { kind: "Leave", cookie },
        "Left",
      );
    }
    await page.locator("#figure-peers b", { hasText: "360 / 400" }).waitFor();
    for (const kind of ["update", "files"]) {
      const times = await measures(page, kind);
      const [median, most, worst] = [0.5, 0.75, 1].map((part) => times[Math.ceil(times.length * part) - 1]!);
      console.log(
        `${kind}: ${times.length} times, median ${median} ms, 75 % under ${most} ms, worst ${worst} ms`,
      );
      assert(times.length >= 5, `${kind}: ${times.length}`);
      // Not all: the slow ones are those during which another program had the processor.
      assertLess(most!, 50, `${kind}: ${times}`);
    }
    await page.getByRole("searchbox").fill("lab-399");
    await page.locator(".grid-peers [aria-rowindex='2']", { hasText: "lab-399" }).waitFor();
    assertEquals(await page.locator(".grid-peers").getAttribute("aria-rowcount"), "2");
    const paint = await firstPaint(page, 300);
    console.log(`first paint after ${paint.toFixed(0)} ms, ${bytes} bytes`);
    assertLess(paint, 300);
  },
);

/** The page of `rs serve` without a mouse, and what went wrong tried again from it. */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Page } from "../../src/deps/playwright.ts";
import type { Lab } from "../../scripts/programs.ts";
import { Chromium, noChromium } from "./chromium.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { labTest } from "./lab.ts";

/** More presses than the page has places. */
const MOST_PRESSES = 40;

/** What has the focus: its name, and whether one sees that it has it. */
async function focused(page: Page): Promise<{ name: string; isSeen: boolean }> {
  return await page.evaluate(`(() => {
    const at = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
    const name = at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
    // Between a dialog's last place and its first come the browser's own bars.
    if (at === document.body) return { name: "", isSeen: true };
    return {
      name: name.trim().replace(/\\s+/g, " "),
      isSeen: outlineStyle !== "none" && parseFloat(outlineWidth) > 0 || boxShadow !== "none",
    };
  })()`);
}

/** Presses Tab until something has the focus; everything on the way must be seen to have it. */
async function tabTo(page: Page, name: string): Promise<string[]> {
  const way: string[] = [];
  while (way.length < MOST_PRESSES) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    way.push(at.name);
    assert(at.isSeen, `one doesn't see that "${at.name}" has the focus`);
    if (at.name === name) return way;
  }
  throw new Error(`${name} is not reached by Tab: ${way.join(" | ")}`);
}

async function open(lab: Lab, chromium: Chromium): Promise<{ page: Page; address: string }> {
  const { running, address } = await lab.rs("rs", "--http-port", "0");
  const { httpPort } = await running.event("listening");
  return { page: await chromium.open(`http://127.0.0.1:${httpPort}/`), address };
}

labTest("by keyboard alone: a broadcast is begun, its PCs are looked at, it is withdrawn", async (lab) => {
  await using chromium = await Chromium.start();
  const { page, address } = await open(lab, chromium);
  put(lab.pc("rs"), join("share", "lesson.txt"), "1");
  await lab.peer("a", address);
  await page.locator("#figure-peers b", { hasText: "1 / 1" }).waitFor();

  const way = await tabTo(page, "Broadcast");
  assertEquals(way, ["To the lists", "Collect", "Broadcast"], "in the order in which they stand there");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Broadcast" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assertEquals((await focused(page)).name, "Broadcast", "Escape gives the focus back");

  await page.keyboard.press("Enter");
  await page.getByLabel("lesson.txt").waitFor();
  await tabTo(page, "lesson.txt");
  await page.keyboard.press("Space");
  await page.getByText("Chosen: lesson.txt").waitFor();
  await tabTo(page, "Start");
  await page.keyboard.press("Enter");
  await page.locator(".card .summary", { hasText: "1 of 1 PC done" }).waitFor();
  assertFile(join(lab.pc("a"), "share", "lesson.txt"), "1");

  const toggle = page.locator(".card .buttons button[aria-expanded]");
  const isOpen = await toggle.getAttribute("aria-expanded") === "true";
  await tabTo(page, isOpen ? "Hide PCs" : "Show PCs");
  await page.keyboard.press("Enter");
  assertEquals(await toggle.getAttribute("aria-expanded"), String(!isOpen));
  await page.keyboard.press("Shift+Tab");
  assertEquals((await focused(page)).name, "Withdraw");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Withdraw this broadcast?" });
  await dialog.waitFor();
  await tabTo(page, "Withdraw");
  await page.keyboard.press("Enter");
  await page.locator(".card[data-state=withdrawn]").waitFor();
  assertEquals(chromium.complaints, []);
}, { skip: noChromium });

labTest("a PC that failed is offered it again from the page, and has it then", async (lab) => {
  await using chromium = await Chromium.start();
  const { page, address } = await open(lab, chromium);
  const bytes = bytesOf(1 * MB, 1);
  put(lab.pc("rs"), join("share", "image.bin"), bytes);
  // A folder has the name: the file can't take it.
  Deno.mkdirSync(join(lab.pc("b"), "share", "image.bin"), { recursive: true });
  for (const name of ["a", "b"]) await lab.peer(name, address);
  await page.locator("#figure-peers b", { hasText: "2 / 2" }).waitFor();
  await page.getByRole("button", { name: "Broadcast", exact: true }).click();
  await page.getByLabel("image.bin").check();
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator(".card .summary", { hasText: "1 of 2 PCs done, 1 failed" }).waitFor();
  await page.locator(".faults li", { hasText: "a folder has that name" }).waitFor();
  Deno.removeSync(join(lab.pc("b"), "share", "image.bin"));
  await page.getByRole("button", { name: "Retry failed" }).click();
  await page.locator("#toast", { hasText: "Offered again to those that failed: image.bin" }).waitFor();
  await page.locator(".card[data-state=done] .summary", { hasText: "2 of 2 PCs done" }).waitFor();
  await page.getByRole("button", { name: "Retry failed" }).waitFor({ state: "hidden" });
  assertFile(join(lab.pc("b"), "share", "image.bin"), bytes);
  // What the list of events said of it meanwhile is in words that mean something.
  const events = await page.locator("#side-events").innerText();
  assert(!events.includes("0 files, 0 B"), events);
  assertEquals(chromium.complaints, []);
}, { skip: noChromium });

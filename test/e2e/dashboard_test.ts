/** The page of `rs serve` in a real Chromium, against the compiled executable. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { Page } from "../../src/deps/playwright.ts";
import { axeFaults } from "./chromium.ts";
import { beginBroadcast, FakeLab, row, stagedLab } from "./fake_lab.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { pageTest, withPage } from "./page.ts";

const SHOTS = fromFileUrl(new URL("../../scripts/screenshots", import.meta.url));
/** Screenshots for the README are only made anew on request: they differ by a pixel each time. */
const shoot = Deno.env.get("LABSWARM_SCREENSHOTS") === "1"
  ? async (page: Page, name: string) => {
    await Deno.mkdir(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${name}.png`), animations: "disabled" });
  }
  : () => Promise.resolve();

pageTest("a broadcast to 8 PCs, begun on the page and followed live", async (lab, chromium) => {
  const { url, address } = await withPage(lab);
  const bytes = bytesOf(24 * MB, 1);
  put(lab.pc("rs"), join("share", "image.bin"), bytes);
  const names = Array.from({ length: 8 }, (_, i) => `pc-${i + 1}`);
  await Promise.all(names.map((name) => lab.peer(name, address, "--rate", "4MB/s")));
  const page = await chromium.open(url);
  await page.locator("#figure-peers b", { hasText: "8 / 8" }).waitFor();
  // Everything that the bars ever showed.
  await page.evaluate(`
    globalThis.seen = new Set();
    new MutationObserver(() => document.querySelectorAll(".pc").forEach((pc) => seen.add(pc.textContent)))
      .observe(document.getElementById("view-broadcasts"), { subtree: true, childList: true, characterData: true });
  `);
  await page.getByRole("button", { name: "Broadcast", exact: true }).click();
  await page.getByLabel("image.bin").check();
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator(".card", { hasText: "image.bin" }).waitFor();
  await page.locator(".pc[data-state=receiving]").first().waitFor();
  await shoot(page, "broadcast-running");
  await page.locator(".card[data-state=done] .summary", { hasText: "8 of 8 PCs done" }).waitFor({
    timeout: 240_000,
  });
  await page.locator(".pc[data-state=done]").nth(7).waitFor();
  const seen = await page.evaluate<string[]>("[...seen]");
  const moved = new Set(seen.filter((text) => /[1-9]\d? %$/.test(text)).map((text) => text.slice(0, 4)));
  // Those right below the server, whose rate nothing limits, may be done between two looks a second apart: then they
  // were seen done while the bars of others still moved.
  const lastMoving = seen.findLastIndex((text) => text.endsWith(" %"));
  for (const name of names) {
    const done = seen.indexOf(`${name}done`);
    assert(moved.has(name) || done >= 0 && done < lastMoving, `${name} neither moved nor was quick: ${seen}`);
  }
  assert(moved.size >= names.length / 2, `the bars moved: ${seen}`);
  for (const name of names) assertFile(join(lab.pc(name), "share", "image.bin"), bytes);
});

pageTest("searching, last copies, holders; by keyboard alone", async (lab, chromium) => {
  const { url, port } = await withPage(lab);
  await using fakes = new FakeLab(port);
  await fakes.join("a", [row("both.txt"), row("only-a.txt", { title: "The one and only" })]);
  const b = await fakes.join("b", [row("both.txt"), row("only-b.txt")]);
  const page = await chromium.open(url);
  await page.locator("#figure-last b", { hasText: "2" }).waitFor();
  await page.locator("#tab-broadcasts").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assertEquals(await page.getByRole("tab", { selected: true }).innerText(), "Files");
  await page.keyboard.press("/");
  await page.keyboard.type("ONE only");
  const rows = page.locator(".grid-files .grid-body .grid-row:not([hidden])");
  await page.locator(".grid-files[aria-rowcount='2']").waitFor();
  assertMatch(await rows.first().textContent() ?? "", /only-a\.txt.*The one and only.*last copy: a/);
  await page.locator(".grid-files").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "only-a.txt" });
  await dialog.getByText("1: the last copy that is here").waitFor();
  const holders = dialog.getByRole("list", { name: "Who has it" });
  await holders.getByText("a", { exact: true }).waitFor();
  assertEquals(await holders.textContent(), "a");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assertEquals(await page.evaluate(`document.activeElement.getAttribute("aria-label")`), "Files");
  // One of two holders goes: what both had is a last copy now.
  await b.link.request({ kind: "Leave", cookie: b.cookie }, "Left");
  await page.getByRole("searchbox").fill("both");
  await page.locator(".grid-files .grid-row:visible [data-rarity=last]", { hasText: "last copy: a" }).first()
    .waitFor();
});

pageTest("the server goes and is started again: the page says so, and goes on", async (lab, chromium) => {
  const { running, port } = await lab.rs("rs", "--http-port", "0");
  const { httpPort } = await running.event("listening");
  put(lab.pc("rs"), join("share", "lesson.txt"), "1");
  const page = await chromium.open(`http://127.0.0.1:${httpPort}/`);
  await page.locator("#link-text", { hasText: "Live" }).waitFor();
  {
    await using fakes = new FakeLab(port);
    for (const name of ["a", "b", "c"]) await fakes.join(name, [row(`${name}.txt`)]);
    await page.locator("#side-events li", { hasText: "Register: c" }).waitFor();
  }
  await running.kill();
  await page.locator("#link-text", { hasText: "Connecting" }).waitFor();
  await page.getByRole("button", { name: "Broadcast", exact: true }).click();
  await page.getByRole("dialog").getByText("doesn't answer: see whether rs serve still runs").waitFor();
  await page.keyboard.press("Escape");

  const again = await lab.rs("rs", "--port", String(port), "--http-port", String(httpPort));
  await using fakes = new FakeLab(again.port);
  // More than before: what counts events begins anew.
  for (let i = 0; i < 8; i++) await fakes.join(`new-${i}`, [row("x.txt")]);
  await page.locator("#link-text", { hasText: "Live" }).waitFor();
  await page.locator("#side-events li", { hasText: "Register: new-7" }).waitFor();
  const shown = await page.locator("#side-events li").allTextContents();
  assertEquals(shown.filter((text) => /Register: [abc] /.test(text)), [], "the former server's");
  assertEquals(shown.filter((text) => /Register: new/.test(text)).length, 8);
  // Chromium itself says that nobody answered; the page doesn't.
  assert(chromium.complaints.length > 0);
  const other = chromium.complaints.filter((each) => !/net::ERR_|status of/.test(each));
  chromium.complaints.splice(0, Infinity, ...other);
});

pageTest(
  "a PC that goes in the middle of a broadcast is shown as off, and where it was",
  async (lab, chromium) => {
    const { url, port } = await withPage(lab);
    await using fakes = new FakeLab(port);
    const [a, b] = [await fakes.join("a"), await fakes.join("b")];
    await a.link.request({
      ...{ kind: "Broadcast", id: "b1", name: "image.iso", peer: "rs", at: 0, lasts: 600, to: ["a", "b"] },
      files: [["image.iso", 1000, "ab".repeat(32)]],
    }, "Noted");
    await a.link.request({ kind: "Progress", id: "b1", peers: [["a", 300], ["b", 500]] }, "Noted");
    const page = await chromium.open(url);
    await page.locator(".pc[data-state=receiving]", { hasText: /^b50 %$/ }).waitFor();
    await b.link.request({ kind: "Leave", cookie: b.cookie }, "Left");
    await a.link.request({ kind: "Progress", id: "b1", peers: [["a", 400]] }, "Noted");
    await page.locator(".pc[data-state=waiting]", { hasText: /^boff, 50 %$/ }).waitFor();
    await page.locator(".pc[data-state=receiving]", { hasText: /^a40 %$/ }).waitFor();
    await page.getByRole("button", { name: "Withdraw" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
    await page.locator(".card[data-state=withdrawn] .summary", { hasText: "0 of 2 PCs done, 2 without it" })
      .waitFor();
  },
);

const EVIL = `<img src=x onerror=alert(1)>"'&\u202e`;

pageTest("hostile names stay text", async (lab, chromium) => {
  const { url, port } = await withPage(lab);
  await using fakes = new FakeLab(port);
  const name = `<b onclick=x>'"&-`.replaceAll(/[<>"]/g, "_");
  const peer = await fakes.join(name, [row("&amp;'a.txt", { title: EVIL.slice(0, -1) })], EVIL);
  await peer.link.request({
    ...{ kind: "Broadcast", id: "b1", name: EVIL, peer: EVIL.slice(0, 60), at: 0, lasts: 600 },
    files: [["a.txt", 5, "ab".repeat(32)]],
  }, "Noted");
  await peer.link.request({
    ...{ kind: "Receipts", id: "b1" },
    peers: [{ name: peer.name, state: "failed", code: "failed", reason: EVIL }],
  }, "Noted");
  const page = await chromium.open(url);
  await page.locator(".card h2", { hasText: "<img src=x" }).waitFor();
  await page.locator(".faults", { hasText: "onerror=alert(1)" }).waitFor();
  for (const tab of ["PCs", "Files", "Transfers"]) {
    await page.getByRole("tab", { name: tab }).click();
    if (tab !== "Transfers") await page.locator(".grid-body .grid-row:visible").first().click();
    if (tab !== "Transfers") await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  }
  assertEquals(await page.locator("img:not([src='/icon.svg'])").count(), 0);
  const text = await page.locator("body").innerText();
  assert(!text.includes("\u202e"), "nothing that turns the reading direction");
});

pageTest(
  "axe-core finds no serious fault, light and dark, on a phone and on a projector",
  async (lab, chromium) => {
    const { url, port } = await withPage(lab);
    await using fakes = await stagedLab(port);
    put(lab.pc("rs"), join("share", "image.bin"), "x");
    await beginBroadcast(fakes.peers[0]!);
    for (
      const { name, tabs, ...view } of [
        { name: "light", tabs: ["PCs", "Files", "Transfers"] },
        { name: "dark", dark: true, tabs: ["PCs", "Files"] },
        { name: "phone", width: 390, height: 844, tabs: ["Files", "Events"] },
        { name: "projector", width: 2560, height: 1440, dark: true, tabs: [] },
      ]
    ) {
      const page = await chromium.open(url, { ...view, bypassCsp: true });
      await page.locator(".pc").nth(50).waitFor();
      await shoot(page, `broadcasts-${name}`);
      assertEquals(await axeFaults(page), [], `${name}: broadcasts`);
      for (const tab of tabs) {
        await page.getByRole("tab", { name: tab }).click();
        const rows = page.locator(".grid-body:visible .grid-row:not(.is-coming)");
        if (tab === "PCs" || tab === "Files") await rows.first().waitFor();
        await shoot(page, `${tab.toLowerCase()}-${name}`);
        assertEquals(await axeFaults(page), [], `${name}: ${tab}`);
      }
      const wide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
      assert(wide <= 0, `${name}: ${wide} pixels too wide`);
      if (tabs.length > 0) {
        await page.getByRole("button", { name: "Broadcast", exact: true }).click();
        await page.getByLabel("image.bin").waitFor();
        await shoot(page, `order-${name}`);
        assertEquals(await axeFaults(page), [], `${name}: dialog`);
      }
      await page.close();
    }
  },
);

pageTest(
  "from another PC: nothing without the key; with it a lead may look and act",
  async (lab, chromium) => {
    const address = Deno.networkInterfaces().find(({ family, address }) =>
      family === "IPv4" && !address.startsWith("127.")
    )?.address;
    if (address === undefined) return;
    const { url: local, port } = await withPage(lab, "--http-host", "0.0.0.0");
    await using fakes = new FakeLab(port);
    await fakes.join("a", [row("a.txt")]);
    const url = local.replace("127.0.0.1", address);
    for (const path of ["api/live", "api/files", "api/pcs?id=x", "api/share"]) {
      const response = await fetch(url + path);
      assertEquals([response.status, (await response.json()).code], [403, "not_permitted"], path);
    }
    const key = (await Deno.readTextFile(join(lab.pc("rs"), "rs-data", "page.key"))).trim();
    const page = await chromium.open(url);
    await page.getByLabel("Key").fill("00000-00000-00000-00000");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("That is not the key of this lab's page").waitFor();
    await page.getByLabel("Key").fill(key.toUpperCase());
    await page.getByRole("button", { name: "Log in" }).click();
    await page.locator("#figure-peers b", { hasText: "1 / 1" }).waitFor();
    await page.locator("#figure-peers span", { hasText: /^PC here$/ }).waitFor();
    await page.locator("#figure-broadcasts span", { hasText: /^broadcasts under way$/ }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Key").waitFor();
    await page.goto(`${url}#key=${key}`);
    await page.reload();
    await page.locator("#figure-peers b", { hasText: "1 / 1" }).waitFor();
    assertEquals(page.url(), url, "the key doesn't stay in the address");
    for (const program of lab.started) {
      assert(
        !(program.stdout + program.stderr).includes(key),
        "the key in a log",
      );
    }
    chromium.requests.splice(0, Infinity, ...chromium.requests.filter((each) => !each.startsWith(url)));
    chromium.complaints.splice(
      0,
      Infinity,
      ...chromium.complaints.filter((each) => !/status of 403/.test(each)),
    );
  },
);

pageTest("collecting from every PC, withdrawing a broadcast", async (lab, chromium) => {
  const { url, address } = await withPage(lab);
  for (const name of ["a", "b"]) {
    put(lab.pc(name), join("share", "report.txt"), `of ${name}`);
    await lab.peer(name, address);
  }
  put(lab.pc("rs"), join("share", "lesson.txt"), "1");
  const page = await chromium.open(url);
  await page.locator("#figure-files b", { hasText: "2" }).waitFor();
  await page.getByRole("button", { name: "Collect", exact: true }).click();
  await page.getByLabel("Names, folders or globs").fill("report.*");
  await page.getByRole("dialog").getByRole("button", { name: "Collect" }).click();
  await page.getByRole("tab", { name: "Transfers" }).click();
  await page.locator(".transfer[data-state=done]", { hasText: "2 files, 8 B" }).waitFor();
  await page.setViewportSize({ width: 360, height: 740 });
  const at = async (part: string) => (await page.locator(`.transfer .${part}`).boundingBox())!;
  const [what, bytes, why] = [await at("what"), await at("bytes"), await at("why")];
  assert(Math.abs(what.y - bytes.y) < 5 && bytes.x > what.x, "on a phone a name and its size share a line");
  assert(why.y > what.y && Math.abs(why.x - what.x) < 1);
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const name of ["a", "b"]) {
    const path = join(lab.pc("rs"), "rs-data", "collected", name, "report.txt");
    assertEquals(await Deno.readTextFile(path), `of ${name}`);
  }
  await page.getByRole("button", { name: "Broadcast", exact: true }).click();
  await page.getByLabel("lesson.txt").check();
  await page.getByLabel("Only some").check();
  await page.getByRole("dialog").getByLabel("b", { exact: true }).check();
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("tab", { name: "Broadcasts" }).click();
  await page.locator(".card .summary", { hasText: "1 of 1 PC done" }).waitFor();
  await page.getByRole("button", { name: "Withdraw" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await page.locator(".card[data-state=withdrawn]").waitFor();
  assertEquals(await Deno.readTextFile(join(lab.pc("b"), "share", "lesson.txt")), "1");
});

pageTest(
  "in a secured lab: a join code made on the page lets a PC in, and a broadcast reaches it",
  async (lab, chromium) => {
    const rs = lab.start("rs", "rs", ["serve", "--json", "--port", "0", "--http-port", "0"]);
    const { port, httpPort } = await rs.event("listening");
    put(lab.pc("rs"), join("share", "lesson.txt"), "1");
    const page = await chromium.open(`http://127.0.0.1:${httpPort}/`);
    await page.getByRole("button", { name: "Invite" }).click();
    await page.getByRole("button", { name: "Make a code" }).click();
    const code = await page.locator(".code code").innerText();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await lab.peer("a", `127.0.0.1:${port}`, "--join", code);
    await page.locator("#figure-peers b", { hasText: "1 / 1" }).waitFor();
    await page.getByRole("button", { name: "Broadcast", exact: true }).click();
    await page.getByLabel("lesson.txt").check();
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator(".card .summary", { hasText: "1 of 1 PC done" }).waitFor();
    assertEquals(await Deno.readTextFile(join(lab.pc("a"), "share", "lesson.txt")), "1");
    assert(!rs.stderr.includes(code), "the code in a log");
    await lab.run("rs", "rs", ["revoke", "a"]);
    const events = page.locator("#side-events");
    for (const said of ["Joined: a", "Revoked: a"]) await events.getByText(said).waitFor();
  },
);

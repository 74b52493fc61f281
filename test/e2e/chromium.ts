/** A real Chromium that stays on this machine, for tests of the page. */

import { existsSync } from "@std/fs";
import { AXE_SOURCE } from "../../src/deps/axe.ts";
import { type Browser, chromium, type Page } from "../../src/deps/playwright.ts";

/** Debian's. */
const PATH = "/usr/bin/chromium";

/** This machine, and nothing else, has an address. */
const OWN = [...Deno.networkInterfaces().map(({ address }) => address), "localhost"].map((host) =>
  `EXCLUDE ${host}`
);

const FLAGS = [
  ...["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ...[
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-domain-reliability",
  ],
  ...["--disable-client-side-phishing-detection", "--disable-features=OptimizationHints,MediaRouter"],
  `--host-resolver-rules=MAP * ~NOTFOUND, ${OWN.join(", ")}`,
];

/** Why tests of the page can't be run here; where they are required, that is a failure. */
export const noChromium: string | undefined = existsSync(PATH) ||
    Deno.env.get("LABSWARM_REQUIRE_CHROMIUM") === "1"
  ? undefined
  : "chromium is not installed; apt-get install chromium";

/** What a page is opened with. */
export interface View {
  width?: number;
  height?: number;
  dark?: boolean;
  /** Lets a test put code of its own into the page. */
  bypassCsp?: boolean;
}

/** A Chromium, and what its pages asked for and complained about. */
export class Chromium implements AsyncDisposable {
  /** Addresses of all requests. */
  readonly requests: string[] = [];
  /** What pages said on their consoles, and what they threw. */
  readonly complaints: string[] = [];

  private constructor(private browser: Browser) {}

  static async start(): Promise<Chromium> {
    return new Chromium(await chromium.launch({ executablePath: PATH, args: FLAGS }));
  }

  /** Opens a page. */
  async open(
    url: string,
    { width = 1440, height = 900, dark = false, bypassCsp = false }: View = {},
  ): Promise<Page> {
    const page = await this.browser.newPage({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      bypassCSP: bypassCsp,
    });
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}

/** Serious faults that axe-core finds, each with where it is. */
export async function axeFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE_SOURCE);
  return await page.evaluate<string[]>(`
    axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map((node) => node.html + " " + node.failureSummary).join(" | ")))
  `);
}

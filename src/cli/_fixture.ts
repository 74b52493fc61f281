/** A program for the tests of this folder: one command for each way to end. Run by itself, it is an executable. */

import { LabError } from "../base/errors.ts";
import { command, type ProgramSpec } from "./spec.ts";
import type { CommandContext } from "./context.ts";
import type { Flags } from "./flags.ts";
import { main } from "./main.ts";

type Work = (ctx: CommandContext) => Promise<number | void>;

function stub(name: string, work: Work, extra: { serves?: true; logLevel?: "info" } = {}) {
  const run = () => Promise.resolve({ run: work });
  return command({ name, summary: `does ${name}`, flags: {}, examples: [], run, ...extra });
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

export const FETCH_FLAGS = {
  all: { type: "boolean", help: "fetch everything" },
  from: { type: "string", value: "PEER", help: "take it from this peer only" },
  out: { type: "string", value: "DIR", help: "where the files go", shownDefault: "{share}" },
  rate: { type: "rate", value: "RATE", help: "at most so fast" },
} as const satisfies Flags;

export const SERVE_FLAGS = {
  port: { type: "port", value: "PORT", default: "23475", help: "port to listen on" },
  "http-port": {
    type: "port",
    value: "PORT",
    default: "23480",
    help: "port of the page",
    excludes: ["http"],
  },
  http: { type: "boolean", default: "true", help: "no page" },
  rs: { type: "hostport", value: "HOST[:PORT]", defaultPort: 23475, help: "the server" },
  to: { type: "list", value: "NAME,...", help: "only these", repeatable: true },
  ttl: { type: "number", value: "SECONDS", default: "7200", min: 1, max: 86400, help: "lifetime" },
  timeout: { type: "duration", value: "TIME", default: "10m", help: "give up after this" },
  grace: { type: "duration", value: "TIME", longest: "1h", help: "and so much later for good" },
  role: { type: "string", value: "ROLE", choices: ["member", "lead"], help: "member or lead" },
  join: { type: "string", value: "CODE", help: "join code; - reads it from standard input" },
  share: { type: "string", value: "DIR", help: "folder to share", shownDefault: "{share}" },
  uses: { type: "number", value: "N", help: "how often" },
  tag: { type: "string", value: "WORD", repeatable: true, help: "a word" },
  debugger: { type: "boolean", hidden: true, help: "not listed" },
} as const satisfies Flags;

const nothing = () => Promise.resolve({ run: () => Promise.resolve() });

export const PROGRAM: ProgramSpec = {
  name: "peer",
  summary: "shares files with the other PCs",
  folders: { share: "./share", data: "./peer-data" },
  examples: [["peer serve", "share ./share"]],
  commands: [
    command({
      name: "serve",
      summary: "serve",
      flags: SERVE_FLAGS,
      examples: [],
      serves: true,
      run: nothing,
    }),
    command({
      name: "fetch",
      summary: "fetch files from the peers that hold them",
      positionals: [
        {
          name: "NAME|GLOB",
          help: "what to fetch",
          required: true,
          many: true,
          unless: "all",
          indexed: true,
        },
      ],
      flags: FETCH_FLAGS,
      examples: [["peer fetch rfc1.txt", "one file"], ["peer fetch --all --out ./share/new", "all of them"]],
      run: nothing,
    }),
    command({
      name: "send",
      summary: "send",
      positionals: [{ name: "PATH", help: "what to send", required: true }, {
        name: "NOTE",
        help: "a note",
        required: false,
      }],
      flags: {},
      examples: [],
      run: nothing,
    }),
    stub("ok", (ctx) => Promise.resolve(ctx.output.result("fine"))),
    stub("five", () => Promise.resolve(5)),
    stub("missing", () => Promise.reject(new LabError("unreachable", "Cannot reach the RS: start it"))),
    stub("bug", () => Promise.reject(new TypeError("x is undefined"))),
    stub(
      "leak",
      () => Promise.reject(new Deno.errors.NotCapable('Requires read access to "/x", run again with')),
    ),
    stub("full", () => Promise.reject(new Error("No space left on device (os error 28)"))),
    stub("stray", async () => {
      Promise.reject(new Error("nobody awaits me"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }),
    stub("log", (ctx) => {
      ctx.log.info("for the curious", { token: "s3cret" });
      ctx.log.warn("be\x1b[2J warned {x}", { peer: "pc7" });
      return Promise.resolve();
    }),
    stub("spam", (ctx) => {
      for (let i = 0; i < 100_000 && !ctx.signal.aborted; i++) ctx.output.result(`line ${i}`);
      return Promise.resolve();
    }),
    stub("wait", async (ctx) => {
      const keepAlive = setInterval(() => {}, 1000);
      ctx.output.json({ event: "listening" });
      ctx.output.result("waiting");
      await untilAborted(ctx.signal);
      clearInterval(keepAlive);
    }, { serves: true, logLevel: "info" }),
    stub("cancelled", async (ctx) => {
      const keepAlive = setInterval(() => {}, 1000);
      ctx.output.result("waiting");
      await untilAborted(ctx.signal);
      clearInterval(keepAlive);
      throw ctx.signal.reason;
    }),
    stub("stubborn", (ctx) => {
      setInterval(() => {}, 1000);
      ctx.output.result("waiting");
      return new Promise(() => {});
    }),
    stub("access", async (ctx) => {
      const path = await ctx.ensureAccess("/etc/hostname", "read", { flag: "--out" });
      ctx.output.result(`may read ${path}`);
      await ctx.ensureAccess("/etc/hostname", "read");
    }),
    stub("bar", async (ctx) => {
      for (let i = 1; i <= 30; i++) {
        ctx.progress.report({ name: "a\x1b.iso", bytes: i * 1e6, total: 30e6, rate: 1e7 });
        if (i === 20) ctx.output.note("a note in between");
        await ctx.clock.sleep(100);
      }
      ctx.output.result("done");
    }),
  ],
};

if (import.meta.main) await main(PROGRAM);

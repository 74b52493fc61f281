/** `peer doctor`: what is wrong with this PC's place in the lab, in words, and what mends it. */

import { LabError } from "../../base/errors.ts";
import type { HostPort } from "../../base/units.ts";
import { fileError } from "../../storage/root.ts";
import type { CommandContext } from "../context.ts";
import { adviceOf, faultOf, type Finding, FINDING_COLUMNS } from "../doctor/findings.ts";
import { LiveBlock } from "../live.ts";
import { shorten } from "../table.ts";
import type { DOCTOR_FLAGS } from "./peer_flags.ts";

type Ctx = CommandContext<typeof DOCTOR_FLAGS> & { flags: { rs?: HostPort | undefined } };

/** Looks at everything, or tries to break out of the sandbox. */
export async function run(ctx: Ctx): Promise<number> {
  return ctx.flags.sandbox ? await sandbox(ctx) : await examine(ctx);
}

async function examine(ctx: Ctx): Promise<number> {
  const { output } = ctx;
  const { examinePeer } = await import("../doctor/peer_examination.ts");
  const findings: Finding[] = [];
  const live = output.isInteractive && !output.quiet && !output.isJson ? new LiveBlock(output) : undefined;
  const looking = (what: string) => {
    const columns = output.screen()?.columns;
    if (columns !== undefined) live?.draw([shorten(`Looking ${what} ...`, Math.max(1, columns - 1))]);
  };
  try {
    await examinePeer({ ...ctx, looking }, (finding) => {
      findings.push(finding);
      const { check, health, seen, advice } = finding;
      output.json({ event: "check", check, health, seen, ...(advice === undefined ? {} : { advice }) });
    });
  } finally {
    live?.close();
  }
  const faults = findings.filter(({ health }) => health === "fault").length;
  const warnings = findings.filter(({ health }) => health === "warning").length;
  output.json({ event: "doctor", checks: findings.length, faults, warnings });
  output.table(findings, FINDING_COLUMNS);
  for (const { checks, advice, isFault } of adviceOf(findings)) {
    output.result("");
    output.result(`${checks.join(", ")}${isFault ? checks.length > 1 ? " are wrong" : " is wrong" : ""}:`);
    for (const line of advice.split("\n")) output.result(`  ${line}`);
  }
  if (faults + warnings === 0) output.line("All is well");
  const fault = faultOf(findings);
  if (fault) throw fault;
  return 0;
}

async function sandbox(ctx: Ctx): Promise<number> {
  const { output, folders } = ctx;
  const [{ attempts, tryAll }, { resolve }] = await Promise.all([
    import("../doctor/sandbox.ts"),
    import("@std/path"),
  ]);
  const share = await ctx.ensureAccess(folders.share, "read", { flag: "--share" });
  const data = await ctx.ensureAccess(folders.data, "read", { flag: "--data", folder: "data" });
  await Deno.mkdir(share, { recursive: true }).catch((cause) => {
    throw fileError(cause, `Cannot make the share ${folders.share}`);
  });
  const canAsk = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  const outcomes = await tryAll(attempts({ share, data, here: resolve("."), os: Deno.build.os }), canAsk);
  for (const each of outcomes) output.json({ event: "escape", ...each });
  const got = outcomes.filter(({ refused }) => !refused);
  output.json({ event: "sandbox", tried: outcomes.length, refused: outcomes.length - got.length });
  output.table(outcomes, [
    { key: "name", title: "tried to", fixed: true },
    { key: "refused", title: "", format: (refused) => refused ? "refused" : "NOT REFUSED", fixed: true },
    { key: "seen" },
  ]);
  if (got.length > 0) {
    throw new LabError(
      "failed",
      `${got.length} of ${outcomes.length} ways out are open: this program is not in its sandbox; ` +
        "use the one that deno task compile made",
    );
  }
  output.line(`All ${outcomes.length} ways out are closed`);
  return 0;
}

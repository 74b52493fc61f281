/** `peer send`. */

import { LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatSeconds } from "../../base/units.ts";
import { cleanPeerName, printable } from "../../catalog/names.ts";
import { toolIdentity } from "../../peer/context.ts";
import { servedRate } from "../../peer/control.ts";
import { send } from "../../peer/send.ts";
import { demandThere, filesToSend } from "../../peer/send_files.ts";
import type { CommandContext } from "../context.ts";
import type { SEND_FLAGS } from "./peer_flags.ts";
import { peerSetting, registrationServer } from "./setting.ts";

/** Sends files to one peer or to the registration server. */
export async function run(ctx: CommandContext<typeof SEND_FLAGS>): Promise<void> {
  const { flags, folders, output, clock } = ctx;
  const { to } = flags;
  if (to === undefined) throw new LabError("usage", "Send to whom? Say it with --to PEER, or --to rs");
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  const paths: string[] = [];
  for (const path of ctx.args) paths.push(await ctx.ensureAccess(path, "read"));
  demandThere(paths);
  const { context, state } = await peerSetting(ctx, data);
  const rs = await registrationServer(ctx, state, data);
  const files = await filesToSend(paths);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const name = state.name ?? cleanPeerName(Deno.hostname());
  const title = files.length === 1 ? files[0]!.offered : `${files.length} files`;
  const began = clock.monotonic();
  const delivered = await send(files, to, {
    rs,
    identity: toolIdentity(context, name),
    context,
    cookie: state.cookie,
    name,
    rate: await servedRate(data),
    signal: ctx.signal,
    waits: (why) => output.note(`${why}. Waiting until it does`),
    progress: ({ bytes }) => {
      const seconds = Math.max(clock.monotonic() - began, 1) / 1000;
      ctx.progress.report({ name: title, bytes, total, rate: Math.round(bytes / seconds) });
    },
  });
  const seconds = (clock.monotonic() - began) / 1000;
  for (const file of delivered) {
    output.json({ event: "sent", name: file.name, to, path: file.path, sha256: file.sha256 });
    if (delivered.length <= 20) {
      output.line(`${printable(file.name)} -> ${printable(to)}: ${printable(file.path)}`);
    }
  }
  output.line(
    `Sent ${formatCount(delivered.length, "file")}, ${formatBytes(total)}, to ${printable(to)} in ${
      formatSeconds(seconds)
    }`,
  );
}

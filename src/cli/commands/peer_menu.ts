/** `peer menu`. */

import { LabError } from "../../base/errors.ts";
import { runMenu } from "./menu/menu.ts";
import { type MenuContext, Session } from "./menu/session.ts";

/** Lets a person choose what to do until they quit. */
export async function run(ctx: MenuContext): Promise<number> {
  const terminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  if (!terminal || ctx.output.isJson) {
    throw new LabError(
      "usage",
      "The menu needs a terminal: use peer serve, peer peers, peer index, peer fetch, peer send, peer status and " +
        "peer leave instead",
    );
  }
  const session = await Session.open(ctx);
  // Loaded only now: it takes hold of the keyboard.
  const { clackPrompts } = await import("./menu/clack_prompts.ts");
  const prompts = clackPrompts(ctx.signal);
  const labs = async (signal: AbortSignal) => {
    const { findLabs, labText, reach, wantedLab } = await import("./discover.ts");
    const wanted = await wantedLab(session.data);
    const found = await findLabs({ ...ctx, signal }, wanted);
    return found.filter(({ id }) => wanted === undefined || id === wanted)
      .map((lab) => ({
        text: labText(lab),
        reach: (signal: AbortSignal) => reach({ ...ctx, signal }, lab),
      }));
  };
  return await runMenu(
    { session, prompts, share: ctx.folders.share, now: () => ctx.clock.now(), labs },
    ctx.signal,
  );
}

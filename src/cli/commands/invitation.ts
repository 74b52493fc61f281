/** What `rs serve` tells the person at its first start: how a PC joins. Pure. */

import { RS_PORT } from "./common_flags.ts";

/** The lines that say what to type on each PC; the port only where a PC wouldn't assume it. */
export function howToJoin(code: string, { port, discovery }: { port: number; discovery: boolean }): string[] {
  const rs = `--rs ADDRESS-OF-THIS-PC${port === RS_PORT ? "" : `:${port}`}`;
  const line = `On each PC, once:  peer serve --join ${code}`;
  const another = "Another code: rs invite";
  return discovery ? [line, `Not found by itself? Add ${rs}. ${another}`] : [`${line} ${rs}`, another];
}

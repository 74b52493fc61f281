/** Which registration server the menu uses when none is known: one that is found, or one whose address is typed. */

import { type HostPort, parseHostPort } from "../../../base/units.ts";
import { RS_PORT } from "../common_flags.ts";
import type { Menu } from "./actions.ts";
import type { Prompts } from "./prompts.ts";
import { addressFault } from "./texts.ts";

/** A lab that answered on the network. */
export interface FoundLab {
  /** For people. */
  text: string;
  /** The address of its server that can be reached. */
  reach: (signal: AbortSignal) => Promise<HostPort>;
}

/** The person chooses among the labs that are found, or types an address. */
export async function chooseLab({ prompts, labs }: Pick<Menu, "prompts" | "labs">): Promise<HostPort> {
  const found = labs ? await prompts.busy(labs) : [];
  if (found.length === 0) return await askAddress(prompts);
  const chosen = await prompts.select({
    message: "Which lab?",
    choices: [
      ...found.map(({ text }, i) => ({ value: String(i), label: text })),
      { value: "other", label: "Another: type its address" },
    ],
  });
  const lab = found[Number(chosen)];
  return lab ? await prompts.busy(lab.reach) : await askAddress(prompts);
}

/** The person types an address. */
export async function askAddress(prompts: Prompts, initial?: string): Promise<HostPort> {
  const text = await prompts.text({
    message: "Address of the registration server",
    placeholder: "such as 192.168.1.10",
    fault: addressFault,
    ...(initial === undefined ? {} : { initial }),
  });
  return parseHostPort(text, RS_PORT);
}

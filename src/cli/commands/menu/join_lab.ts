/** Joining a secured lab from the menu: the code that the instructor gave, and a name. */

import { codeOf, messageOf } from "../../../base/errors.ts";
import type { HostPort } from "../../../base/units.ts";
import { printable } from "../../../catalog/names.ts";
import { parseCode } from "../../../join/code.ts";
import { explain } from "../../failure.ts";
import type { Menu } from "./actions.ts";
import { nameTextFault } from "./texts.ts";

/**
 * Asks until this PC has joined, or the person goes back.
 *
 * @throws {LabError} what isn't about the code, such as a server that is gone.
 */
export async function joinLab({ session, prompts }: Menu, rs: HostPort): Promise<void> {
  prompts.tell("info", "This lab is secured: its instructor has a join code for you, once for this PC");
  while (true) {
    const code = await prompts.text({
      message: "Join code",
      placeholder: "five groups of five, such as ABCDE-12345-...",
      fault: codeFault,
    });
    const name = await prompts.text({
      message: "Your name in the network",
      initial: await session.likelyName(),
      fault: nameTextFault,
    });
    try {
      return await prompts.busy((signal) => session.join(rs, code, name, signal));
    } catch (thrown) {
      // A code that has expired, or is of another lab; a name that is taken gets a number.
      if (codeOf(thrown) !== "not_permitted") throw thrown;
      prompts.tell("error", printable(explain(thrown).message, 500));
    }
  }
}

function codeFault(text: string): string | undefined {
  if (text === "") return "Type the code, or go back with Ctrl-C";
  try {
    parseCode(text);
  } catch (thrown) {
    return messageOf(thrown);
  }
  return undefined;
}

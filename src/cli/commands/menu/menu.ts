/** The menu's round: news, menu, action, and again; until the person quits or the program is told to stop. */

import { EXIT } from "../../../base/errors.ts";
import { formatCount } from "../../../base/units.ts";
import { printable } from "../../../catalog/names.ts";
import { explain } from "../../failure.ts";
import { ACTIONS, type Menu } from "./actions.ts";
import { WentBack } from "./prompts.ts";
import { type Entry, heading, KEYS_TEXT, menuChoices } from "./texts.ts";

/**
 * Runs the menu.
 *
 * @param signal the program's; when it is aborted the menu ends.
 * @returns the exit code.
 */
export async function runMenu(menu: Menu, signal: AbortSignal): Promise<number> {
  let last: Entry | undefined;
  menu.prompts.tell("info", KEYS_TEXT);
  try {
    while (!signal.aborted) {
      const entry = await choose(menu, last);
      if (signal.aborted) break;
      if (entry === "quit" || entry === undefined) {
        if (await mayQuit(menu, entry === undefined)) return entry === "quit" ? EXIT.done : EXIT.interrupted;
        continue;
      }
      last = entry;
      await act(menu, entry, signal);
    }
    return EXIT.interrupted;
  } finally {
    await menu.session.jobs.stop();
    await menu.session.leaveOwn();
  }
}

/** @returns undefined when the person pressed Ctrl-C. */
async function choose(menu: Menu, last: Entry | undefined): Promise<Entry | undefined> {
  const status = await menu.session.status();
  tellNews(menu);
  // Who has registered wants something else next.
  const first: Entry = last !== undefined && last !== "register" ? last : status ? "fetch" : "register";
  try {
    return await menu.prompts.select<Entry>({
      message: heading(status),
      choices: menuChoices(status),
      first,
    });
  } catch (thrown) {
    if (thrown instanceof WentBack) return undefined;
    throw thrown;
  }
}

/** What happened in the meantime. */
function tellNews({ session, prompts }: Menu): void {
  const { lines, missed } = session.log.takeNews();
  if (missed > 0) prompts.tell("info", `${missed} more messages before these; see Status`);
  for (const { tone, message } of lines) prompts.tell(tone, printable(message, 500));
}

/** Tells what went wrong; the menu goes on. */
async function act(menu: Menu, entry: Exclude<Entry, "quit">, signal: AbortSignal): Promise<void> {
  try {
    await ACTIONS[entry](menu);
  } catch (thrown) {
    if (thrown instanceof WentBack || signal.aborted) return;
    const { code, message } = explain(thrown);
    if (code === "interrupted") {
      return menu.prompts.tell("info", "Stopped. Choose it again, and it goes on where it was");
    }
    menu.prompts.tell("error", printable(message, 2000));
  }
}

/** Quitting ends the serve that runs inside, and what goes on: the person should know. A second Ctrl-C is an answer too. */
async function mayQuit({ session, prompts }: Menu, pressedCtrlC: boolean): Promise<boolean> {
  const going = session.jobs.running.length;
  if (!session.serves && going === 0) return true;
  const ends = [
    ...session.serves ? ["This menu shares your folder: quitting ends that, and you leave the lab."] : [],
    ...going > 0
      ? [`${formatCount(going, "transfer")} under way will stop, and go on where it was next time.`]
      : [],
  ];
  try {
    return await prompts.confirm({
      message: `${ends.join(" ")} Quit?`,
      yes: "Quit",
      no: "Stay",
      first: !pressedCtrlC,
    });
  } catch (thrown) {
    if (thrown instanceof WentBack) return pressedCtrlC;
    throw thrown;
  }
}

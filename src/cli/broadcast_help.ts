/** What both programs say of their `broadcast`. */

import type { Example, Positional } from "./spec.ts";

const PATH: Positional = {
  name: "PATH",
  help: "file or folder",
  required: true,
  many: true,
  unless: "retry-failed",
};

/** Name, help and examples of the command. */
export function broadcastHelp(program: "rs" | "peer") {
  const examples: readonly Example[] = [
    [`${program} broadcast share/image.iso`, "to every peer"],
    [`${program} broadcast share/image.iso --report ${program}-data/report.html`, "with a page about it"],
    [`${program} broadcast share/image.iso --background`, "while others work on the same network"],
    [`${program} broadcast share/lesson --to pc1,pc2 --timeout 5m`, "a folder, to two of them"],
    [`${program} broadcast share/lesson --to "Lab 2, PC 1" --to pc7`, "names may have commas"],
    [
      `${program} broadcast --retry-failed 5f1d7c0a`,
      "once more to those who don't have it; rs broadcasts lists ids",
    ],
  ];
  return {
    name: "broadcast",
    summary: "put files or folders on every peer, at the speed of the wire",
    description:
      "Every receiver also sends, so the time hardly depends on how many there are. The files take their " +
      "names; what had a name before is moved to peer-data/replaced on that PC. Ends with a table of who has it. " +
      "PCs that are off or come late get it from the others when they register, until it expires or is withdrawn.",
    positionals: [PATH],
    examples,
  };
}

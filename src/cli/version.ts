/** The version of both executables: written here once. A test holds it equal to the one in deno.json. */

/** Semantic version of LabSwarm. */
export const VERSION = "0.1.0";

/** What `--version` prints, and what a Hello names as the agent without its system. */
export function versionLine(program: string): string {
  return `${program} ${VERSION} (Deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch})`;
}

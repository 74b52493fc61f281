/** Help, written from the command table; fits 80 columns. */

import type { Folders } from "./baked.ts";
import { type Flag, type Flags, GLOBAL_FLAGS } from "./flags.ts";
import type { Command, Example, Positional, ProgramSpec } from "./spec.ts";
import { VERSION } from "./version.ts";

const WIDTH = 80;
/** A left column wider than this gets its text on the next line. */
const LEFT_MAX = 26;

type Row = readonly [left: string, right: string];

/** What `PROGRAM --help` shows: every command, the common flags, examples. */
export function overview(program: ProgramSpec): string {
  const commands = program.commands.filter((c) => !c.hidden).map((c): Row => [c.name, c.summary]);
  return [
    ...wrap(`${program.name} ${VERSION}: ${program.summary}`, 0),
    "",
    `Usage: ${program.name} COMMAND [flags]`,
    ...section("Commands", rows(commands)),
    ...section("Flags of every command", rows(flagRows(GLOBAL_FLAGS))),
    ...section("Examples", exampleLines(program.examples)),
    "",
    `More about one of them: ${program.name} COMMAND --help`,
  ].join("\n");
}

/**
 * What `PROGRAM COMMAND --help` shows.
 *
 * @param folders those that the defaults speak of.
 */
export function commandHelp(program: ProgramSpec, command: Command, folders: Folders): string {
  const positionals = (command.positionals ?? []).map((p): Row => [p.name, p.help]);
  const description = (command.description ?? "").split("\n\n").filter((text) => text !== "");
  return [
    ...wrap(`${program.name} ${command.name}: ${command.summary}`, 0),
    "",
    ...wrap(usageLine(program, command), 2).map((line, i) => i === 0 ? line.trimStart() : line),
    ...description.flatMap((text) => ["", ...wrap(text, 0)]),
    ...section("Arguments", rows(positionals)),
    ...section("Flags", rows(flagRows(command.flags, folders))),
    ...section("Flags of every command", rows(flagRows(GLOBAL_FLAGS))),
    ...section("Examples", exampleLines(command.examples)),
  ].join("\n");
}

function usageLine(program: ProgramSpec, command: Command): string {
  const parts = (command.positionals ?? []).map((each) => positionalUsage(each, command.flags));
  const flags = Object.values(command.flags).some((flag) => !flag.hidden) ? ["[flags]"] : [];
  return ["Usage:", program.name, command.name, ...parts, ...flags].join(" ");
}

function positionalUsage(positional: Positional, flags: Flags): string {
  const name = positional.many ? `${positional.name}...` : positional.name;
  if (!positional.required) return `[${name}]`;
  if (positional.unless === undefined) return name;
  const value = flags[positional.unless]?.value;
  return `${name} | --${positional.unless}${value === undefined ? "" : ` ${value}`}`;
}

function flagRows(flags: Flags, folders?: Folders): Row[] {
  return Object.entries(flags).filter(([, flag]) => !flag.hidden).map(([name, flag]): Row => {
    if (flag.type === "boolean") return [flag.default === "true" ? `--no-${name}` : `--${name}`, flag.help];
    return [`--${name} ${flag.value ?? "VALUE"}`, flag.help + defaultNote(flag, folders)];
  });
}

function defaultNote(flag: Flag, folders: Folders | undefined): string {
  const text = (flag.shownDefault ?? flag.default)
    ?.replaceAll("{share}", folders?.share ?? "share").replaceAll("{data}", folders?.data ?? "data");
  return (flag.repeatable ? "; may be repeated" : "") + (text === undefined ? "" : ` (default: ${text})`);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}

function rows(entries: readonly Row[]): string[] {
  const left = Math.min(LEFT_MAX, Math.max(0, ...entries.map(([name]) => name.length)));
  return entries.flatMap(([name, text]) => {
    const wrapped = wrap(text, left + 4);
    if (name.length > left) return [`  ${name}`, ...wrapped];
    return [`  ${name.padEnd(left)}  ${wrapped[0]?.trimStart() ?? ""}`.trimEnd(), ...wrapped.slice(1)];
  });
}

function exampleLines(examples: readonly Example[]): string[] {
  return examples.flatMap(([line, explanation]) => [`  ${line}`, ...wrap(explanation, 6)]);
}

/** Breaks a text at spaces into lines that start with `indent` spaces. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(" ".repeat(indent) + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(" ".repeat(indent) + line);
  return lines;
}

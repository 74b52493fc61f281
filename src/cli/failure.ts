/**
 * What went wrong, as one sentence and an exit code. Errors of our own know both; here the runtime's get theirs, and
 * what nobody expected is called an internal error.
 */

import { type ErrorCode, isReadOnly, LabError, messageOf } from "../base/errors.ts";

/** A failure as it is told. */
export interface Failure {
  code: ErrorCode;
  message: string;
  exitCode: number;
  /** Nobody expected this: a fault of ours. */
  internal: boolean;
}

/** Explains whatever was thrown. */
export function explain(thrown: unknown): Failure {
  const known = thrown instanceof LabError ? thrown : fromRuntime(thrown);
  if (known) return { code: known.code, message: known.message, exitCode: known.exitCode, internal: false };
  const message = `Internal error: ${messageOf(thrown)}; run again with --log-level debug for the details`;
  return { code: "failed", message, exitCode: 1, internal: true };
}

/** Errors of the runtime that a person can do something about. */
function fromRuntime(thrown: unknown): LabError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const told = (code: ErrorCode, message: string) => new LabError(code, message, { cause: thrown });
  if (thrown instanceof Deno.errors.NotCapable) {
    return told("not_permitted", `The sandbox does not permit this: ${withoutAdvice(thrown.message)}`);
  }
  if (isDiskFull(thrown)) {
    return told("disk_full", "The disk is full: make room and run it again, it goes on where it was");
  }
  if (thrown instanceof Deno.errors.AddrInUse) {
    return told(
      "failed",
      `The port is in use by another program (${thrown.message}): choose another with --port`,
    );
  }
  if (isReadOnly(thrown)) {
    return told(
      "not_permitted",
      `The disk is read-only (${thrown.message}): use a folder that can be written`,
    );
  }
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return told("not_permitted", `The system does not permit this: ${thrown.message}`);
  }
  if (UNREACHABLE.some((kind) => thrown instanceof kind)) {
    return told(
      "unreachable",
      `The connection failed (${thrown.message}): check that the other side is running`,
    );
  }
  return undefined;
}

const UNREACHABLE = [
  Deno.errors.ConnectionRefused,
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
  Deno.errors.NetworkUnreachable,
  Deno.errors.TimedOut,
];

/** The runtime advises flags that an executable doesn't take. */
function withoutAdvice(message: string): string {
  return message.split(", run again")[0]!;
}

/** Numbers of the errors "no space", "no quota" by system; the runtime has no class for them. */
const FULL: Readonly<Record<string, readonly string[]>> = {
  windows: ["112", "39", "1295"],
  linux: ["28", "122"],
  darwin: ["28", "69"],
};

/** Tells whether an error of the runtime means that the disk, or the person's part of it, is full. */
export function isDiskFull(thrown: unknown, os: string = Deno.build.os): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = "code" in thrown ? thrown.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return true;
  const number = /\(os error (\d+)\)/.exec(thrown.message)?.[1];
  return number !== undefined && (FULL[os] ?? FULL["linux"]!).includes(number);
}

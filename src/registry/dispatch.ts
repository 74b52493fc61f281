/** Which handler answers which message. */

import type { Message } from "../protocol/messages.ts";
import { announce } from "./handlers/announce.ts";
import { bquery, broadcast, progress, receipts, retry, withdraw } from "./handlers/broadcasts.ts";
import { keepAlive } from "./handlers/keep_alive.ts";
import { leave } from "./handlers/leave.ts";
import { pquery } from "./handlers/pquery.ts";
import { register } from "./handlers/register.ts";
import { rfcQuery } from "./handlers/rfc_query.ts";
import type { Caller, Handle, Outcome, Registry } from "./state.ts";

const HANDLERS = {
  Register: register,
  KeepAlive: keepAlive,
  Leave: leave,
  PQuery: pquery,
  Announce: announce,
  RFCQuery: rfcQuery,
  Broadcast: broadcast,
  Receipts: receipts,
  Progress: progress,
  Withdraw: withdraw,
  Retry: retry,
  BQuery: bquery,
} satisfies { [K in Message["kind"]]?: Handle<K> };

/** A message that the registry answers. */
export type RegistryMessage = Extract<Message, { kind: keyof typeof HANDLERS }>;

/** Tells whether a message is the registry's business. */
export function isOurs(message: Message): message is RegistryMessage {
  return Object.hasOwn(HANDLERS, message.kind);
}

/** Tells whether a message only asks: it changes nothing that matters to anybody else. */
export function isQuestion({ kind }: RegistryMessage): boolean {
  return kind === "RFCQuery" || kind === "PQuery" || kind === "BQuery";
}

/** Has the right handler answer. */
export function dispatch(
  registry: Registry,
  message: RegistryMessage,
  caller: Caller,
): Promise<Outcome> | Outcome {
  const handle = HANDLERS[message.kind] as Handle<RegistryMessage["kind"]>;
  return handle(registry, message as never, caller);
}

/**
 * The packets with which a registration server is found: DNS-SD (RFC 6763) over multicast DNS (RFC 6762), service
 * `_p2pdi._tcp.local`. Pure: bytes in, labs out. Everything here was sent by nobody knows whom: a packet that isn't
 * understood is no answer, whatever is wrong with it.
 *
 * Not here: sockets (transport), names of hosts (nobody resolves any: addresses come in the answer).
 */

import { LIMITS } from "../../base/limits.ts";
import { printable } from "../../base/text.ts";
import { AUTHORITATIVE, decode, encode, type Packet, type ResourceRecord } from "../../deps/dns_packet.ts";
import { PROTOCOL_VERSION } from "../codec.ts";
import { isIpv4, isUsable } from "./addresses.ts";

/** The name under which all our labs are found. */
export const SERVICE = "_p2pdi._tcp.local";
/** Lists the services that there are: tools that browse ask for it. */
const SERVICES = "_services._dns-sd._udp.local";

/** Seconds for which an answer may be kept: RFC 6762 section 10 for names and addresses, and for the rest. */
const TTL = { address: 120, other: 4500 };
/** Longest TTL in an answer to a program that isn't a multicast DNS responder, RFC 6762 section 6.7. */
const LEGACY_TTL = 10;
/** Bytes of one label of a name, RFC 1035. */
const LABEL_BYTES = 63;

/** A lab, as its registration server tells of it. */
export interface Lab {
  /** Tells labs apart, whatever they're called: 20 hexadecimal digits. */
  id: string;
  /** For people: the PC's name. */
  name: string;
  mode: "open" | "secured";
  port: number;
  /** IPv4 addresses of the PC. */
  addresses: readonly string[];
}

/** A question that concerns us. */
export interface Asked {
  /** To be repeated in an answer that goes to the asker alone. */
  id: number;
  /** Names and types that were asked for; all are ours. */
  questions: readonly { name: string; type: string }[];
  /** The asker wants the answer itself, not by multicast. */
  unicast: boolean;
}

const sameName = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
const labelOf = ({ id, name }: Lab) => `${cut(name.replaceAll(".", "-"), LABEL_BYTES - 9)} ${id.slice(0, 8)}`;
const instanceOf = (lab: Lab) => `${labelOf(lab)}.${SERVICE}`;
const hostOf = ({ id }: Lab) => `p2pdi-${id}.local`;

/** The packet that asks who is there. */
export function questionPacket(id: number): Uint8Array<ArrayBuffer> {
  return encode({ id, type: "query", questions: [{ name: SERVICE, type: "PTR" }] });
}

/**
 * Reads a question.
 *
 * @param lab whose names count as ours.
 * @returns undefined when it isn't one, or not for us.
 */
export function readQuestion(bytes: Uint8Array, lab: Lab): Asked | undefined {
  const packet = read(bytes);
  if (!packet || packet.type !== "query") return undefined;
  const all = (packet.questions ?? []).slice(0, LIMITS.discoveryQuestions);
  const questions = all.flatMap(({ name, type = "" }) => isOurs(name, type, lab) ? [{ name, type }] : []);
  if (questions.length === 0) return undefined;
  // The library reads the topmost bit of the class, "answer me alone", as part of an unknown class.
  const unicast = all.some((each) => each.class !== "IN" && each.class !== "ANY");
  return { id: packet.id ?? 0, questions, unicast };
}

function isOurs(name: string, type: string, lab: Lab): boolean {
  const wants = (...types: string[]) => types.includes(type) || type === "ANY";
  return (sameName(name, SERVICE) || sameName(name, SERVICES)) && wants("PTR") ||
    sameName(name, instanceOf(lab)) && wants("SRV", "TXT") || sameName(name, hostOf(lab)) && wants("A");
}

/**
 * An answer, or what is told unasked.
 *
 * @param options.asked for a program that asked and isn't a multicast DNS responder: the question is repeated to it.
 * @param options.goodbye the lab is about to end.
 */
export function answerPacket(
  lab: Lab,
  options: { asked?: Asked | undefined; goodbye?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const { asked, goodbye = false } = options;
  const most = goodbye ? 0 : asked ? LEGACY_TTL : Infinity;
  const [address, other] = [Math.min(TTL.address, most), Math.min(TTL.other, most)];
  // Whoever isn't a responder knows nothing of the bit that says "forget what you had".
  const own = { class: "IN", flush: asked === undefined };
  const [instance, host] = [instanceOf(lab), hostOf(lab)];
  const pointers: ResourceRecord[] = [{ name: SERVICE, type: "PTR", ttl: other, data: instance }];
  if (asked?.questions.some(({ name }) => sameName(name, SERVICES))) {
    pointers.push({ name: SERVICES, type: "PTR", ttl: other, data: SERVICE });
  }
  return encode({
    id: asked?.id ?? 0,
    type: "response",
    flags: AUTHORITATIVE,
    questions: [...asked?.questions ?? []],
    answers: pointers,
    additionals: [
      { ...own, name: instance, type: "SRV", ttl: address, data: { port: lab.port, target: host } },
      { ...own, name: instance, type: "TXT", ttl: other, data: textOf(lab) },
      ...lab.addresses.map((data) => ({ ...own, name: host, type: "A", ttl: address, data })),
    ],
  });
}

function textOf({ id, name, mode }: Lab): string[] {
  return [`txtvers=1`, `v=${PROTOCOL_VERSION}`, `id=${id}`, `mode=${mode}`, `name=${cut(name, 200)}`];
}

/** Reads an answer: the labs that are whole in it, of our version, and not about to end. */
export function readAnswer(bytes: Uint8Array): Lab[] {
  const packet = read(bytes);
  if (!packet || packet.type !== "response") return [];
  const records = [...packet.answers ?? [], ...packet.additionals ?? []].slice(0, LIMITS.discoveryRecords);
  const labs: Lab[] = [];
  for (const { name, type, ttl, data } of records) {
    if (type !== "PTR" || !sameName(name, SERVICE) || ttl === 0 || typeof data !== "string") continue;
    const lab = labs.length < LIMITS.discoveryLabs ? labOf(data, records) : undefined;
    if (lab) labs.push(lab);
  }
  return labs;
}

function labOf(instance: string, records: readonly ResourceRecord[]): Lab | undefined {
  const find = (type: string) => records.find((r) => r.type === type && sameName(r.name, instance))?.data;
  const server = find("SRV") as { port?: unknown; target?: unknown } | undefined;
  const text = pairsOf(find("TXT"));
  const { port, target } = server ?? {};
  const [id, mode] = [text.get("id") ?? "", text.get("mode")];
  if (typeof port !== "number" || port < 1 || typeof target !== "string" || !/^[0-9a-f]{20}$/.test(id)) {
    return undefined;
  }
  if ((mode !== "open" && mode !== "secured") || text.get("v") !== String(PROTOCOL_VERSION)) return undefined;
  const addresses = records.flatMap(({ type, name, data }) =>
    type === "A" && sameName(name, target) && typeof data === "string" && isIpv4(data) && isUsable(data)
      ? [data]
      : []
  ).slice(0, LIMITS.discoveryAddresses);
  return { id, mode, port, addresses, name: printable(text.get("name") || "no name", 64) };
}

/** The `key=value` strings of a TXT record; of a key that comes twice, the first counts. */
function pairsOf(data: unknown): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const each of Array.isArray(data) ? data.slice(0, 32) : []) {
    if (!(each instanceof Uint8Array)) continue;
    const [, key, value] = /^([^=]+)=([^]*)$/.exec(new TextDecoder().decode(each)) ?? [];
    if (key !== undefined && !pairs.has(key.toLowerCase())) pairs.set(key.toLowerCase(), value!);
  }
  return pairs;
}

function read(bytes: Uint8Array): Packet | undefined {
  if (bytes.length > LIMITS.datagram) return undefined;
  try {
    return decode(bytes);
  } catch {
    // Whatever it is, it isn't for us.
    return undefined;
  }
}

/** At most so many bytes of UTF-8, cut between characters. */
function cut(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

/** What the course's programs are answered, in the form in which they asked. CLASSIC.md is the specification. Pure. */

import { type Bytes, concat, utf8 } from "../../base/bytes.ts";
import type { ClassicForm } from "./request.ts";

/** Somebody who can be asked for files in these forms. */
export interface ClassicPeer {
  host: string;
  address: string;
  port: number;
}

/** An answer. */
export type ClassicAnswer =
  /** @param ttl seconds. */
  | { kind: "registered"; cookie: string; ttl: number }
  | { kind: "alive"; ttl: number }
  | { kind: "left" }
  | { kind: "peers"; peers: readonly ClassicPeer[] }
  /** Names for the JSON form, a table in CSV for the other. */
  | { kind: "index"; names: readonly string[]; csv: string }
  /** The file's bytes follow, and then the end of the connection. */
  | { kind: "file"; size: number; modified: string }
  /** This peer has it: ask there. */
  | { kind: "elsewhere"; peer: ClassicPeer }
  | { kind: "refused"; status: keyof typeof STATUS; reason: string };

/** What the answering side says of itself in the text form. */
export interface ClassicServer {
  host: string;
  os: string;
  /** Now, milliseconds since 1970. */
  now: number;
}

/** The refusals and their words. */
export const STATUS = {
  400: "Bad Request",
  404: "Not Found",
  500: "Internal Error",
  503: "Busy",
  505: "P2P-DI Version Not Supported",
} as const;

/** The bytes of an answer; those of a file follow on them. */
export function encodeAnswer(form: ClassicForm, answer: ClassicAnswer, server: ClassicServer): Bytes {
  return form === "json" ? utf8(inJson(answer, server)) : inText(answer, server);
}

/** Tells whether the connection ends with this answer: nothing else tells the client where a file or a text ends. */
export function endsConnection(form: ClassicForm, answer: ClassicAnswer): boolean {
  return form === "text" || answer.kind === "file";
}

const date = (now: number) => new Date(now).toUTCString();

function inJson(answer: ClassicAnswer, { now }: ClassicServer): string {
  switch (answer.kind) {
    case "registered":
    case "alive":
      return '{"msg":"200 OK"}';
    case "left":
      return `Left successfully\nDate:${date(now)}`;
    case "peers": {
      const list = answer.peers.map(({ address, port }) => ({ ip: address, port }));
      return list.length === 0 ? "404 No Active Peer" : `200 OK\n${JSON.stringify(list)}`;
    }
    case "index":
      return answer.names.length === 0 ? "404 No Files" : `200 OK\n${JSON.stringify(answer.names)}`;
    case "file":
      return "";
    case "elsewhere":
      return `404 File Not Found\n${JSON.stringify([{ ip: answer.peer.address, port: answer.peer.port }])}`;
    case "refused":
      return `${answer.status} ${answer.reason}`;
  }
}

function inText(answer: ClassicAnswer, { host, os, now }: ClassicServer): Bytes {
  const { status, headers = {}, data = "" } = textOf(answer);
  const body = utf8(data);
  const length = answer.kind === "file" ? answer.size : body.length;
  const lines = [
    `P2P-DI/1.0 ${status}`,
    ...Object.entries({
      Host: host,
      OS: os,
      Date: date(now),
      ...headers,
      "Content-Length": length,
    }).map(([name, value]) => `${name}: ${value}`),
  ];
  return concat([utf8(lines.join("\r\n") + "\r\n\r\n"), body]);
}

function textOf(
  answer: ClassicAnswer,
): { status: string; headers?: Record<string, string | number>; data?: string } {
  switch (answer.kind) {
    case "registered":
      return { status: "200 OK", headers: { Cookie: answer.cookie, TTL: answer.ttl } };
    case "alive":
      return { status: "200 OK", headers: { TTL: answer.ttl } };
    case "left":
      return { status: "200 OK" };
    case "peers": {
      const lines = answer.peers.map(({ host, address, port }) => `${address} ${port} ${host}\r\n`);
      return { status: lines.length === 0 ? "404 No Active Peer" : "200 OK", data: lines.join("") };
    }
    case "index":
      return { status: "200 OK", headers: { "Content-Type": "text/csv" }, data: answer.csv };
    case "file":
      return {
        status: "200 OK",
        headers: {
          "Last-Modified": date(Date.parse(answer.modified)),
          "Content-Type": "application/octet-stream",
        },
      };
    case "elsewhere":
      return { status: "303 See Other", headers: { Peer: `${answer.peer.address}:${answer.peer.port}` } };
    case "refused":
      return { status: `${answer.status} ${STATUS[answer.status]}`, data: `${answer.reason}\r\n` };
  }
}

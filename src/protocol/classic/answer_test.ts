import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ClassicAnswer, encodeAnswer, endsConnection } from "./answer.ts";

const NOW = Date.UTC(2026, 10, 22, 9, 30);
const DATE = "Sun, 22 Nov 2026 09:30:00 GMT";
const server = { host: "rs", os: "linux", now: NOW };
const peer = { host: "pc8", address: "192.168.1.8", port: 4001 };
const head = (status: string, ...headers: string[]) =>
  [`P2P-DI/1.0 ${status}`, "Host: rs", "OS: linux", `Date: ${DATE}`, ...headers, "", ""].join("\r\n");

/** The answer, in JSON's form, and in the text form. */
const ANSWERS: [ClassicAnswer, string, string][] = [
  [
    { kind: "registered", cookie: "ab", ttl: 7200 },
    '{"msg":"200 OK"}',
    head("200 OK", "Cookie: ab", "TTL: 7200", "Content-Length: 0"),
  ],
  [{ kind: "alive", ttl: 7200 }, '{"msg":"200 OK"}', head("200 OK", "TTL: 7200", "Content-Length: 0")],
  [{ kind: "left" }, `Left successfully\nDate:${DATE}`, head("200 OK", "Content-Length: 0")],
  [
    { kind: "peers", peers: [peer] },
    '200 OK\n[{"ip":"192.168.1.8","port":4001}]',
    head("200 OK", "Content-Length: 22") + "192.168.1.8 4001 pc8\r\n",
  ],
  [{ kind: "peers", peers: [] }, "404 No Active Peer", head("404 No Active Peer", "Content-Length: 0")],
  [
    { kind: "index", names: ["ä.txt"], csv: "name\r\nä.txt\r\n" },
    '200 OK\n["ä.txt"]',
    head("200 OK", "Content-Type: text/csv", "Content-Length: 14") + "name\r\nä.txt\r\n",
  ],
  [
    { kind: "file", size: 5, modified: "2026-11-22T09:30:00Z" },
    "",
    head(
      "200 OK",
      `Last-Modified: ${DATE}`,
      "Content-Type: application/octet-stream",
      "Content-Length: 5",
    ),
  ],
  [
    { kind: "elsewhere", peer },
    '404 File Not Found\n[{"ip":"192.168.1.8","port":4001}]',
    head("303 See Other", "Peer: 192.168.1.8:4001", "Content-Length: 0"),
  ],
  [
    { kind: "refused", status: 404, reason: "File Not Found" },
    "404 File Not Found",
    head("404 Not Found", "Content-Length: 16") + "File Not Found\r\n",
  ],
];

for (const [answer, json, text] of ANSWERS) {
  Deno.test(`an answer: ${answer.kind}`, () => {
    const written = (form: "json" | "text") => new TextDecoder().decode(encodeAnswer(form, answer, server));
    assertEquals(written("json"), json);
    assertEquals(written("text"), text);
    assertEquals(endsConnection("json", answer), answer.kind === "file");
    assertEquals(endsConnection("text", answer), true);
  });
}

Deno.test("the worked examples of CLASSIC.md are what is written", async () => {
  const page = await Deno.readTextFile(new URL("../CLASSIC.md", import.meta.url));
  const csv = "rfc,name,title,size,ip,port\r\n" +
    "793,rfc0793.txt,Transmission Control Protocol,172710,192.168.1.8,4001\r\n";
  const shown = (form: "json" | "text", answer: ClassicAnswer, host = "rs") =>
    new TextDecoder().decode(encodeAnswer(form, answer, { ...server, host })).replaceAll("\r", "");
  assertStringIncludes(page, `>\n${shown("text", { kind: "index", names: [], csv }, "pc8")}\`\`\``);
  const [registered, peers, left] = [ANSWERS[0]![0], ANSWERS[3]![0], ANSWERS[2]![0]];
  assertStringIncludes(page, `\n${shown("json", registered)}\n> {"msg":"Active_peer"`);
  assertStringIncludes(page, `\n${shown("json", peers)}\n> {"msg":"Leave_the_server"`);
  assertStringIncludes(page, `\n${shown("json", left)}\n\`\`\``);
});

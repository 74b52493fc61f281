import { assertEquals, assertThrows } from "@std/assert";
import { RemoteProtocolError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { ClassicDecoder, type ClassicRequest } from "./request.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => [...new ClassicDecoder().push(bytes(text))];
const singly = (text: string): ClassicRequest[] => {
  const decoder = new ClassicDecoder();
  return [...bytes(text)].flatMap((byte) => [...decoder.push(Uint8Array.of(byte))]);
};

const json = (kind: string, more: Record<string, unknown> = {}) => ({ form: "json", kind, ...more });
const text = (kind: string, more: Record<string, unknown> = {}) => ({ form: "text", kind, ...more });
const nobody = { host: "", port: undefined, cookie: undefined };
const pc7 = { host: "pc7", port: 4000, cookie: undefined };

/** What is written, and what it means. */
const REQUESTS: [string, unknown[]][] = [
  ['{"msg":"Register_to_RS","Hostname":"pc7","Portnumber":4000}', [json("register", pc7)]],
  ['{"msg": "Register_to_RS", "Hostname": "pc7", "Portnumber": "4000"}\n', [json("register", pc7)]],
  ['{"MSG":"register_to_rs","hostname":"pc7","portnumber":4000}', [json("register", pc7)]],
  ['{"msg":"Keep_Alive","Hostname":"pc7","Portnumber":4000}', [json("keepAlive", pc7)]],
  ['{"msg":"Active_peer"}', [json("peers", nobody)]],
  ['{"msg":"Leave_the_server","Hostname":"pc7","Portnumber":4000}', [json("leave", pc7)]],
  ['{"msg":"listoffiles"}{"msg":"listoffiles"}', [json("index"), json("index")]],
  ['{"msg":"Requesting_files","file":"a }\\"{.txt"}', [json("file", { file: { name: 'a }"{.txt' } })]],
  ['{"a":{"b":{}},"msg":"listoffiles"}', [json("index")]],
  ["GET RFC-Index P2P-DI/1.0\r\nHost: pc7\r\nOS: Linux\r\n\r\n", [text("index")]],
  ["GET RFC 793 P2P-DI/1.0\r\nHost: pc7\r\nOS: Linux\r\n\r\n", [text("file", { file: { rfc: 793 } })]],
  ["GET RFC my file.txt P2P-DI/1.0\n\n", [text("file", { file: { name: "my file.txt" } })]],
  ["GetRFC 0793 P2P-DI/1.0\n\n", [text("file", { file: { rfc: 793 } })]],
  ["RFCQuery P2P-DI/1.0\r\n\r\n", [text("index")]],
  ["Register P2P-DI/1.0\r\nHost: pc7\r\nPort: 4000\r\n\r\n", [text("register", pc7)]],
  ["POST REGISTER P2P-DI/1.0\r\nhost pc7:4000\r\n\r\n", [text("register", pc7)]],
  ["KeepAlive P2P-DI/1.0\r\nCookie: ab12\r\n\r\n", [text("keepAlive", { ...nobody, cookie: "ab12" })]],
  ["GET PQuery P2P-DI/1.0\r\n\r\n", [text("peers", nobody)]],
  ["Leave P2P-DI/1.0\r\nHost: pc7\r\nPort: 4000\r\n\r\n", [text("leave", pc7)]],
  ['\r\n\r\n{"msg":"listoffiles"}\r\nRFCQuery P2P-DI/1.0\r\n\r\n', [json("index"), text("index")]],
];

for (const [written, meaning] of REQUESTS) {
  Deno.test(`a request: ${JSON.stringify(written)}`, () => {
    assertEquals<unknown>(read(written), meaning);
    assertEquals<unknown>(singly(written), meaning);
  });
}

Deno.test("what can't be used is told, and the connection goes on", () => {
  for (
    const [written, status] of [
      ['{"message":"listoffiles"}', 400],
      ['{"msg":5}', 400],
      ['{"msg":"toString"}', 400],
      ['{"msg":"Register_to_RS","Hostname":"pc7"}', 400],
      ['{"msg":"Register_to_RS","Portnumber":0}', 400],
      ['{"msg":"Register_to_RS","Portnumber":"65536"}', 400],
      ['{"msg":"Leave_the_server","Portnumber":1.5}', 400],
      ['{"msg":"Requesting_files","file":["a"]}', 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      ["GET RFC P2P-DI/1.0\r\n\r\n", 400],
      ["GET constructor P2P-DI/1.0\r\n\r\n", 400],
      ["Register P2P-DI/1.0\r\nPort: x\r\n\r\n", 400],
      ["GET RFC-Index P2P-DI/2.0\r\n\r\n", 505],
      ["P2P-DI/1.0\r\n\r\n", 400],
      [`RFCQuery P2P-DI/1.0\r\n${"a: b\r\n".repeat(33)}\r\n`, 400],
    ] as const
  ) {
    const [request, more] = read(`${written}{"msg":"listoffiles"}`);
    assertEquals([request?.kind, request?.kind === "wrong" && request.status], ["wrong", status], written);
    assertEquals(more?.kind, "index", written);
  }
});

Deno.test("what is no request at all ends the decoder", () => {
  const long = LIMITS.classicRequest + 1;
  const bad = [
    ...["5", "[]", '"a"', "\u0000", "{'msg':'x'}", "{]}", "\u00e9"].map(bytes),
    Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d),
    bytes(`{"msg":"${"a".repeat(long)}"}`),
    bytes("a".repeat(long)),
    bytes("{".repeat(long)),
  ];
  for (const input of bad) {
    const decoder = new ClassicDecoder();
    assertThrows(() => [...decoder.push(input)], RemoteProtocolError);
    assertThrows(() => [...decoder.push(bytes("{}"))], RemoteProtocolError);
  }
});

Deno.test("what came before garbage is still told", () => {
  const decoder = new ClassicDecoder();
  const seen: string[] = [];
  assertThrows(() => {
    for (const { kind } of decoder.push(bytes('{"msg":"listoffiles"}5'))) seen.push(kind);
  }, RemoteProtocolError);
  assertEquals(seen, ["index"]);
});

import { assertEquals } from "@std/assert";
import { findRfc, listFiles, rfcNumber } from "./rfc.ts";

Deno.test("an RFC is known by its file's name", () => {
  const names = [
    "rfc793.txt",
    "RFC0793",
    "a/rfc-793.pdf",
    "RFC 793.html",
    "rfc793x.txt",
    "my rfc793.txt",
    "rfc.txt",
  ];
  assertEquals(names.map(rfcNumber), [793, 793, 793, 793, undefined, undefined, undefined]);
});

Deno.test("text comes before other forms", () => {
  const rows = ["b/rfc1.txt", "rfc1.pdf", "a/rfc1.txt", "rfc10.txt"].map((name) => ({ name }));
  assertEquals(findRfc(rows, 1), { name: "a/rfc1.txt" });
  assertEquals(findRfc(rows.slice(1, 2), 1), { name: "rfc1.pdf" });
  assertEquals(findRfc(rows, 2), undefined);
});

Deno.test("the list is CSV that no spreadsheet runs", () => {
  const at = { size: 5, address: "10.0.0.1", port: 4000 };
  assertEquals(
    listFiles([{ name: "rfc0793.txt", title: 'TCP, "the"', ...at }, { name: "=x.csv", title: "", ...at }]),
    'rfc,name,title,size,ip,port\r\n793,rfc0793.txt,"TCP, ""the""",5,10.0.0.1,4000\r\n,\'=x.csv,,5,10.0.0.1,4000\r\n',
  );
});

import { assertEquals, assertThrows } from "@std/assert";
import { trustNobodyElse, TrustUnknown } from "./trust.ts";

const BEFORE = 'code "ca_stores" d3n0l4nd{"argv":[],"ca_stores":null,"ca_data":null,"v":1}more';

Deno.test("the settings become empty lists, in place, and stay so the second time", () => {
  const file = new TextEncoder().encode(BEFORE);
  for (let time = 0; time < 2; time++) {
    trustNobodyElse(file);
    const text = new TextDecoder().decode(file);
    assertEquals(text.length, BEFORE.length);
    assertEquals(JSON.parse(/{.*}/.exec(text)![0]), { argv: [], ca_stores: [], ca_data: [], v: 1 });
    assertEquals(text.replace(/{.*}/, ""), BEFORE.replace(/{.*}/, ""));
  }
});

Deno.test("an executable of another make is refused: no setting, two of them, one that says something else", () => {
  const [one] = ['"ca_stores":null,"ca_data":null'];
  for (const text of ["", one + one, '"ca_stores":["system"],"ca_data":null']) {
    assertThrows(
      () => trustNobodyElse(new TextEncoder().encode(text)),
      TrustUnknown,
      "compile with the Deno",
    );
  }
});

import { assertEquals } from "@std/assert";
import { howToJoin } from "./invitation.ts";

const FOUND = { port: 23475, discovery: true };

Deno.test("a server at the usual port is found by itself, or by its address", () => {
  assertEquals(howToJoin("AB-CD", FOUND), [
    "On each PC, once:  peer serve --join AB-CD",
    "Not found by itself? Add --rs ADDRESS-OF-THIS-PC. Another code: rs invite",
  ]);
});

Deno.test("a server at another port says the port, without which a PC would ask at the usual one", () => {
  assertEquals(
    howToJoin("AB-CD", { ...FOUND, port: 4000 })[1],
    "Not found by itself? Add --rs ADDRESS-OF-THIS-PC:4000. Another code: rs invite",
  );
});

Deno.test("a server that doesn't let itself be found puts its address into the line to type", () => {
  assertEquals(howToJoin("AB-CD", { port: 4000, discovery: false }), [
    "On each PC, once:  peer serve --join AB-CD --rs ADDRESS-OF-THIS-PC:4000",
    "Another code: rs invite",
  ]);
});

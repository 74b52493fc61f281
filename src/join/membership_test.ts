import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { INVITES_MAX, Membership } from "./membership.ts";

const HOUR = 3600_000;
const secret = (n: number) => new Uint8Array(5).fill(n);
const who = (id: string, name = id) => ({ id, name, address: "192.0.2.7" });

function invited(uses?: number, role: "member" | "lead" = "member") {
  const membership = new Membership();
  const invite = membership.invite({ secret: secret(1), role, lasts: 2 * HOUR, uses }, 0);
  return { membership, invite };
}

Deno.test("a member has the invitation's role, and a name of its own", () => {
  const { membership, invite } = invited(undefined, "lead");
  assertEquals(membership.join(invite, who("a", "PC7"), 1).role, "lead");
  assertEquals(membership.join(invite, who("b", "pc7"), 1).name, "pc7-2");
  assertEquals(membership.join(invite, who("c", "pc8"), 1, (name) => name === "pc8").name, "pc8-2");
  assertEquals(membership.join(invite, who("d", "x".repeat(64)), 1).name.length, 64);
  assertEquals(membership.join(invite, who("e", "x".repeat(64)), 1).name.length, 60);
});

Deno.test("uses run out; the same key again takes none", () => {
  const { membership, invite } = invited(2);
  const first = membership.join(invite, who("a"), 1);
  assertEquals(membership.join(invite, who("a"), 2), first);
  membership.join(invite, who("b"), 3);
  assertEquals(membership.open(4), []);
  assertThrows(() => membership.join(invite, who("c"), 4), LabError, "used up");
});

Deno.test("an invitation expires", () => {
  const { membership, invite } = invited();
  assertEquals(membership.open(2 * HOUR - 1).length, 1);
  assertEquals(membership.open(2 * HOUR).length, 0);
  assertThrows(() => membership.join(invite, who("c"), 2 * HOUR), LabError, "expired");
});

Deno.test("who is revoked stays so, and its name is free again", () => {
  const { membership, invite } = invited();
  membership.join(invite, who("a", "pc7"), 1);
  assertEquals(membership.revoke("PC7", 5).id, "a");
  assertEquals(membership.revoked, ["a"]);
  assertEquals(membership.revoke("a", 9).revoked, 5);
  assertEquals(membership.revoke("pc7", 9).revoked, 5);
  assertThrows(() => membership.join(invite, who("a", "pc7"), 6), LabError, "revoked");
  assertEquals(membership.join(invite, who("b", "pc7"), 6).name, "pc7");
  assertThrows(() => membership.revoke("nobody", 6), LabError, "no member");
});

Deno.test("what is kept comes back; what is damaged is refused", () => {
  const { membership, invite } = invited(3);
  membership.join(invite, who("a"), 1);
  membership.join(invite, who("b"), 1);
  membership.revoke("b", 2);
  const again = Membership.fromJSON(JSON.parse(JSON.stringify(membership)));
  assertEquals(again.toJSON(), membership.toJSON());
  assertThrows(() => Membership.fromJSON({ members: "all" }), LabError, "damaged");
});

Deno.test("invitations are bounded, and room comes back", () => {
  const { membership } = invited();
  const more = () => membership.invite({ secret: secret(2), role: "member", lasts: 9 * HOUR, uses: 1 }, 1);
  for (let i = 1; i < INVITES_MAX; i++) more();
  assertThrows(more, LabError, "in force");
  assert(membership.invite({ secret: secret(3), role: "member", lasts: HOUR, uses: 1 }, 3 * HOUR));
});

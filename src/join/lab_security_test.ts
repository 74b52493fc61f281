import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { LabError } from "../base/errors.ts";
import type { Fields } from "../protocol/messages.ts";
import { makeLab } from "./_testing.ts";
import { LabSecurity } from "./lab_security.ts";
import { exportPublic, fromPem, generateKeys } from "./keys.ts";
import { fingerprintOf, hasKey, isAuthority, knowsSecret, makeJoin } from "./request.ts";

const NONCE = "ab".repeat(32);
const HELLO: Fields<"Hello"> = { versions: [2], role: "peer", name: "alice", agent: "test", features: [] };

Deno.test("a proof tells who it is; it holds for one server, one nonce, one Hello", async () => {
  const { rs, alice, bob } = await makeLab();
  const proof = await alice.prove(bob.self.id, NONCE, HELLO);
  assertEquals(await bob.verify(proof, NONCE, HELLO), alice.self);
  assertEquals(alice.self.role, "member");
  assertNotEquals(alice.self.id, bob.self.id);
  const refused = (by: LabSecurity, p: Fields<"Proof">, nonce: string, hello: Fields<"Hello">) =>
    assertRejects(() => by.verify(p, nonce, hello), LabError, "proof");
  await refused(rs, proof, NONCE, HELLO);
  await refused(rs, { ...proof, to: "rs" }, NONCE, HELLO);
  await refused(bob, proof, "cd".repeat(32), HELLO);
  await refused(bob, proof, NONCE, { ...HELLO, name: "bob" });
  await refused(bob, { ...proof, card: { ...proof.card, role: "lead" } }, NONCE, HELLO);
  await refused(bob, { ...proof, card: bob.credentials.card }, NONCE, HELLO);
  await refused(bob, { ...proof, signature: "?" }, NONCE, HELLO);
  assertEquals((await rs.verify(await bob.prove("rs", NONCE, HELLO), NONCE, HELLO)).role, "lead");
});

Deno.test("another lab's card is none; nor is a revoked one", async () => {
  const [one, other] = await Promise.all([makeLab(), makeLab()]);
  const foreign = await other.alice.prove(one.bob.self.id, NONCE, HELLO);
  await assertRejects(() => one.bob.verify(foreign, NONCE, HELLO), LabError, "not one of this lab");
  const heard: string[][] = [];
  const end = one.bob.onRevoked((ids) => heard.push([...ids]));
  one.bob.revoke([one.alice.self.id]);
  one.bob.revoke([one.alice.self.id]);
  end();
  assertEquals(heard, [[one.alice.self.id]]);
  const proof = await one.alice.prove(one.bob.self.id, NONCE, HELLO);
  await assertRejects(() => one.bob.verify(proof, NONCE, HELLO), LabError, "revoked");
});

Deno.test("credentials whose parts don't belong together are refused", async () => {
  const [one, other] = await Promise.all([makeLab(), makeLab()]);
  const mixed = { ...one.alice.credentials, card: other.alice.credentials.card };
  await assertRejects(() => LabSecurity.from(mixed), LabError, "join again");
});

Deno.test("joining: the secret is shown, not told; the key is the newcomer's", async () => {
  const { authority } = await makeLab();
  const keys = await generateKeys();
  const secret = new Uint8Array([1, 2, 3, 4, 5]);
  const context = { nonce: NONCE, authority: authority.certificate };
  const wish = { name: "pc7", key: await exportPublic(keys.publicKey) };
  const join = await makeJoin(wish, { secret, own: keys.privateKey }, context);
  assert(await hasKey(join, context));
  assert(await knowsSecret(join, secret, context));
  assertEquals(await knowsSecret(join, new Uint8Array(5), context), false);
  for (const other of [{ ...context, nonce: "cd".repeat(32) }, { ...context, authority: "another" }]) {
    assertEquals(await hasKey(join, other), false);
    assertEquals(await knowsSecret(join, secret, other), false);
  }
  const foreign = { ...join, key: await exportPublic((await generateKeys()).publicKey) };
  assertEquals(await hasKey(foreign, context), false);
  assertEquals(await hasKey({ ...join, key: "no key" }, context), false);
});

Deno.test("an authority is known by its fingerprint", async () => {
  const [one, other] = await Promise.all([makeLab(), makeLab()]);
  const fingerprint = await fingerprintOf(fromPem(one.authority.certificate), 10);
  assert(await isAuthority(fromPem(one.authority.certificate), fingerprint));
  assertEquals(await isAuthority(fromPem(other.authority.certificate), fingerprint), false);
});

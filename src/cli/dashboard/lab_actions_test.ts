import { assertEquals } from "@std/assert";
import { type ActionSetting, ServerActions } from "./lab_actions.ts";

Deno.test("an invitation tells what to type on the PC, the port too where it isn't the usual one", async () => {
  const made = { code: "AB-CD", role: "member" as const, expires: "2026-11-27T10:00:00.000Z" };
  const invited = async (port: number, discovery: boolean) => {
    const setting = {
      rs: { host: "127.0.0.1", port },
      discovery,
      lab: { invite: () => Promise.resolve(made) },
    };
    const actions = new ServerActions(setting as unknown as ActionSetting);
    return (await actions.invite!({ role: "member", hours: 2 })).join;
  };
  assertEquals(await invited(23475, true), [
    "peer serve --join AB-CD",
    "Not found by itself? Add --rs ADDRESS-OF-THE-SERVER.",
  ]);
  assertEquals(await invited(4000, false), ["peer serve --join AB-CD --rs ADDRESS-OF-THE-SERVER:4000"]);
});

import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { Membership } from "../join/membership.ts";
import { MemberFile, MEMBERS_FILE, writeSecret } from "./member_file.ts";

const secret = new Uint8Array([1, 2, 3, 4, 5]);
const who = (id: string) => ({ id, name: "pc1", address: "10.0.0.7" });

Deno.test("what couldn't be kept, on a full disk, say, hasn't happened: name, code and its use are free", async () => {
  const data = await Deno.makeTempDir();
  try {
    await writeSecret(data, MEMBERS_FILE, new Membership(), systemClock);
    const file = await MemberFile.open({ data, clock: systemClock });
    const invite = { role: "member" as const, lasts: 60_000, uses: 1 };
    await file.invite({ ...invite, secret });
    const [code] = file.membership.open(systemClock.now());
    // Nothing can be written to a folder that isn't there.
    await Deno.remove(data, { recursive: true });
    await assertRejects(() => file.invite({ ...invite, secret: secret.toReversed() }), LabError);
    await assertRejects(() => file.join(code!.invite, who("first")), LabError);
    assertEquals(file.membership.members, []);
    assertEquals(file.membership.open(systemClock.now()), [code!]);
    await Deno.mkdir(data);
    assertEquals((await file.join(code!.invite, who("second"))).name, "pc1");
    const again = await MemberFile.open({ data, clock: systemClock });
    assertEquals(again.membership.members.map(({ id, name }) => [id, name]), [["second", "pc1"]]);
    assertEquals(again.membership.open(systemClock.now()), []);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

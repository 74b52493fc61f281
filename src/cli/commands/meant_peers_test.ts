import { assertEquals } from "@std/assert";
import { meantNames } from "./meant_peers.ts";

Deno.test("parts of a list are a name with commas only where they are no names themselves", () => {
  const known = ["Lab 2, PC 1", "pc7", "a", "b", "a,b", "x,y", "x,y,z", "end,"];
  const cases: [said: string[], meant: string[]][] = [
    [["pc7"], ["pc7"]],
    [["Lab 2, PC 1"], ["Lab 2, PC 1"]],
    [["Lab 2", "PC 1"], ["Lab 2, PC 1"]],
    [["pc7", "lab 2", "pc 1", "nobody"], ["pc7", "Lab 2, PC 1", "nobody"]],
    // Somebody who calls himself like two others gets nothing that is meant for them.
    [["a", "b"], ["a", "b"]],
    [["a,b"], ["a,b"]],
    // The longest one.
    [["x", "y"], ["x,y"]],
    [["x", "y", "z"], ["x,y,z"]],
    [["x", "y", "pc7"], ["x,y", "pc7"]],
    [["end"], ["end,"]],
    [["Lab 2"], ["Lab 2"]],
  ];
  for (const [said, meant] of cases) assertEquals(meantNames(said, known), meant);
});

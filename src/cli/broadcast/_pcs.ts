/** PCs of a broadcast, for the tests of this folder. */

import type { PcCourse } from "./course.ts";

/** A PC that is receiving, unless told otherwise. */
export function pc(name: string, given: Partial<PcCourse> = {}): PcCourse {
  return {
    name,
    state: "receiving",
    bytes: 0,
    rate: 0,
    best: undefined,
    reason: undefined,
    seconds: undefined,
    limit: undefined,
    points: [],
    ...given,
  };
}

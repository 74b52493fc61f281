/** Door to `@logtape/logtape`: structured logging, in place of std/log, which std removed. */

export * from "npm:@logtape/logtape@2.4.2";

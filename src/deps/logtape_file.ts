/** Door to `@logtape/file`: log files with rotation. */

export * from "npm:@logtape/file@2.3.10";

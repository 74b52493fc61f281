/** Door to `fast-check`: property tests. For tests only. */

export * from "npm:fast-check@4.10.2";

/** Door to `valibot`: checks the shape of messages and settings from outside. */

export * from "npm:valibot@1.5.0";

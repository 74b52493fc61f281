/** Door to `@clack/prompts`: the menu's questions. Hangs without a terminal: check isTerminal first. */

export * from "npm:@clack/prompts@1.9.0";

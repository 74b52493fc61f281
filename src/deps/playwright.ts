/** Door to `playwright-core`: drives a Chromium that is installed. For tests only. */

export { type Browser, chromium, type Page } from "npm:playwright-core@1.65.1";

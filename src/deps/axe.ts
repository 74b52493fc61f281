/** Door to `axe-core`: finds faults of a page for people who don't see it or have no mouse. For tests only. */

import axe from "npm:axe-core@4.11.0";

/** The checker's own code, to be run in a page. */
export const AXE_SOURCE: string = axe.source;

/** The page's own files, out of the executable. */

/** Compiled into the executable: scripts/compile/plan.ts names the folder. */
const FOLDER = new URL("page/", import.meta.url);

const HTML = "text/html; charset=utf-8";
const CSS = "text/css; charset=utf-8";
const JS = "text/javascript; charset=utf-8";

/** Files of the page, by the path under which they are asked for. */
const FILES = {
  "/": ["index.html", HTML],
  "/page.css": ["page.css", CSS],
  "/main.js": ["main.js", JS],
  "/dom.js": ["dom.js", JS],
  "/format.js": ["format.js", JS],
  "/state.js": ["state.js", JS],
  "/grid.js": ["grid.js", JS],
  "/api.js": ["api.js", JS],
  "/broadcasts.js": ["broadcasts.js", JS],
  "/peers.js": ["peers.js", JS],
  "/files.js": ["files.js", JS],
  "/activity.js": ["activity.js", JS],
  "/orders.js": ["orders.js", JS],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
} as const;

/** A file of the page. */
export interface Asset {
  body: string;
  type: string;
}

/** Reads the page's files. */
export async function loadAssets(): Promise<Map<string, Asset>> {
  const entries = Object.entries(FILES).map(async ([path, [name, type]]): Promise<[string, Asset]> => [
    path,
    { body: await Deno.readTextFile(new URL(name, FOLDER)), type },
  ]);
  return new Map(await Promise.all(entries));
}

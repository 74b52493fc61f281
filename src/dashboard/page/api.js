/** Asking the registration server, and having it do things. */

/** What it answered when it didn't do it: one sentence. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function answerOf(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Refused(
    body.code ?? "failed",
    body.message ?? `The registration server answered ${response.status}`,
  );
}

/** An answer, whatever it says. Where none comes the browser's own words tell a person nothing. */
async function ask(path, init) {
  try {
    return await fetch(path, init);
  } catch (thrown) {
    if (thrown.name === "AbortError") throw thrown;
    throw new Error(
      "The registration server doesn't answer: see whether rs serve still runs on its PC; this page goes on by itself then",
      { cause: thrown },
    );
  }
}

/** Looks something up. @param {string} what @param {Record<string, unknown>} [query] */
export async function get(what, query = {}, signal) {
  const wanted = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  return await answerOf(await ask(`/api/${what}?${wanted}`, { signal }));
}

/** Has something done. */
export async function post(what, order = {}) {
  const response = await ask(`/api/${what}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  return await answerOf(response);
}

/**
 * Follows the lab.
 *
 * @param {{ all: (m: any) => void, changes: (m: any) => void, link: (state: "on" | "off") => void, denied: () => void }} on
 * @returns {() => void} ends it
 */
export function follow(on) {
  const source = new EventSource("/api/live");
  const read = (event) => JSON.parse(event.data);
  source.addEventListener("open", () => on.link("on"));
  source.addEventListener("all", (event) => on.all(read(event)));
  source.addEventListener("changes", (event) => on.changes(read(event)));
  source.addEventListener("error", () => {
    on.link("off");
    // The browser tries again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) on.denied();
  });
  return () => source.close();
}

/**
 * What comes in from outside of a command's own flow: signals, and errors that nobody awaited. The first signal asks
 * the command to stop, the second ends the process at once.
 */

/** Signals that ask a program to end, by system; Windows knows only these two. */
const ENDING: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** What to do at a signal. */
export interface SignalHandlers {
  first(signal: string): void;
  again(signal: string): void;
}

/** Listens until the returned function is called. */
export function watchSignals(handlers: SignalHandlers): () => void {
  return new Signals().watch(handlers);
}

/** The signals of a process that leaves them to the system now and then. */
export class Signals {
  #listeners = new Map<() => void, Deno.Signal>();

  /** Listens until the returned function is called. */
  watch(handlers: SignalHandlers): () => void {
    let seen = false;
    const own = ENDING.map((signal) => {
      const listener = () => {
        if (seen) handlers.again(signal);
        else handlers.first(signal);
        seen = true;
      };
      Deno.addSignalListener(signal, listener);
      this.#listeners.set(listener, signal);
      return [signal, listener] as const;
    });
    return () => {
      for (const [signal, listener] of own) {
        Deno.removeSignalListener(signal, listener);
        this.#listeners.delete(listener);
      }
    };
  }

  /** Lets signals end the process at once meanwhile: work that holds up this thread would have nobody hear of them. */
  async unwatched<T>(work: () => Promise<T>): Promise<T> {
    for (const [listener, signal] of this.#listeners) Deno.removeSignalListener(signal, listener);
    try {
      return await work();
    } finally {
      for (const [listener, signal] of this.#listeners) Deno.addSignalListener(signal, listener);
    }
  }
}

/** What to do with errors that come out of nowhere. */
export interface StrayHandlers {
  /** A promise was rejected and nobody was waiting for it, or a callback threw. */
  stray(thrown: unknown): void;
}

/** Catches them until the returned function is called; the runtime then prints nothing of its own. */
export function watchStrays(handlers: StrayHandlers): () => void {
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    handlers.stray(event.reason);
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    handlers.stray(event.error ?? event.message);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}

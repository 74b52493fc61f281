/**
 * The manifests of a fetch: asks holders for a content's, follows the first that comes; who gives the same may deliver, who
 * gives another has its turn when the first leads nowhere.
 */

import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Holder } from "../../catalog/merge.ts";
import { printable } from "../../catalog/names.ts";
import type { ContentRun } from "./content_run.ts";
import type { Holders, NamedManifest } from "./holders.ts";

/** Hears what comes of one question; undefined where no manifest did. */
type Heard = (manifest: NamedManifest | undefined) => void;

/** What it works with. */
export interface ManifestDeskOptions {
  holders: Pick<Holders, "manifest" | "isOver">;
  log: Logger;
  /** A holder has the manifest that is followed, and may be asked for pieces. */
  joined: (run: ContentRun, holder: Holder) => void;
  /** There is one holder less, or one question. */
  changed: (run: ContentRun) => void;
}

/** Asks for manifests. */
export class ManifestDesk {
  constructor(private o: ManifestDeskOptions) {}

  /** Asks several holders. @returns the first manifest that comes; undefined when nobody has one. */
  first(run: ContentRun): Promise<NamedManifest | undefined> {
    const { promise, resolve } = Promise.withResolvers<NamedManifest | undefined>();
    const heard: Heard = (manifest) => manifest ? resolve(manifest) : ask();
    const ask = () => {
      while (run.standby.length > 0 && run.asking < run.holdersAtOnce) this.ask(run, heard);
      if (run.asking === 0) resolve(undefined);
    };
    ask();
    run.askAnother = () => this.ask(run, heard);
    return promise.finally(() => run.askAnother = undefined);
  }

  /** Asks the next holder of those who stand by, of whom there must be one. */
  ask(run: ContentRun, heard: Heard = () => this.o.changed(run)): void {
    const holder = run.standby.shift()!;
    const { round } = run;
    run.asking++;
    this.o.holders.manifest(holder, run.plan).then((manifest) => {
      if (run.round !== round) return;
      run.asking--;
      this.#came(run, holder, manifest, heard);
    }, (cause) => {
      if (run.round !== round || this.o.holders.isOver) return;
      run.asking--;
      this.#failed(run, holder, cause);
      heard(undefined);
      this.o.changed(run);
    });
  }

  #came(run: ContentRun, holder: Holder, manifest: NamedManifest, heard: Heard): void {
    if (run.falseManifests.has(manifest.id)) {
      run.lied(holder.peer);
      return heard(undefined);
    }
    if (run.manifest && run.manifest.id !== manifest.id) {
      run.disagrees(holder, manifest);
      return this.o.changed(run);
    }
    run.manifest ??= manifest;
    if (!run.stripes) run.confirmed.add(holder.peer);
    heard(manifest);
    // In a broadcast the plan says who delivers.
    if (!run.stripes) this.o.joined(run, holder);
  }

  #failed(run: ContentRun, { peer }: Holder, cause: unknown): void {
    this.o.log.info(`${printable(peer)} cannot deliver ${printable(run.title)}: ${messageOf(cause)}`);
    run.declines(peer, cause);
  }
}

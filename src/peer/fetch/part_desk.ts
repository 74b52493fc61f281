/** The part files of a fetch, as the workers keep them: opening, checking what an earlier run left, finishing. */

import { LabError } from "../../base/errors.ts";
import type { PlaceFault, ReceiveNews } from "../receive_protocol.ts";
import type { ContentRun } from "./content_run.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** News that answers an order about one content. */
type ContentNews = Extract<ReceiveNews, { content: string }>;

/** The dialogue with the workers about part files. */
export class PartDesk {
  #waiting = new Map<string, { left: number; news: ReceiveNews[]; resolve: (news: ReceiveNews[]) => void }>();
  #nextFinisher = 0;

  constructor(private pool: WorkerPool) {}

  /**
   * Opens a content's part file in all workers.
   *
   * @returns pieces that an earlier run left, checked.
   */
  async open(run: ContentRun): Promise<number[]> {
    const { pool } = this;
    const seed = run.plan.files.some((file) => file.present);
    const order = { kind: "open" as const, content: run.id, spec: run.partSpec(), seed };
    const opened = this.#expect("opened", run.id, 1);
    pool.tell(0, order);
    const [first] = await opened;
    const rest = this.#expect("opened", run.id, pool.size - 1);
    for (let i = 1; i < pool.size; i++) pool.tell(i, { ...order, seed: false });
    await rest;
    run.resumes = first?.kind === "opened" && first.span > 0;
    return run.resumes ? await this.check(run.id) : [];
  }

  /**
   * All pieces are there: one worker gives the files their names.
   *
   * @returns the path of each file, and which of several could not be put there.
   * @throws {LabError} "integrity" when a file is not what was claimed, or what else went wrong.
   */
  async finish(run: ContentRun): Promise<{ paths: string[]; faults: PlaceFault[] }> {
    const { pool } = this;
    const finisher = this.#nextFinisher++ % pool.size;
    for (let i = 0; i < pool.size; i++) {
      if (i !== finisher) pool.tell(i, { kind: "close", content: run.id, discard: false });
    }
    const finished = this.#expect("finished", run.id, 1);
    pool.tell(finisher, { kind: "finish", content: run.id, checkWhole: run.checkWhole });
    const [news] = await finished;
    if (news?.kind === "finished") return news;
    if (news?.kind === "fault") throw new LabError(news.code, news.message);
    throw new LabError("failed", "The worker gave no answer");
  }

  /** Lets go of a content; its part file stays. */
  close(id: string): void {
    this.pool.tellAll({ kind: "close", content: id, discard: false });
  }

  /** Removes the part file of a content; nothing is left when this returns. */
  async discard(id: string): Promise<void> {
    const gone = this.#expect("discarded", id, this.pool.size);
    this.pool.tellAll({ kind: "close", content: id, discard: true });
    await gone;
  }

  /**
   * News that may be an answer.
   *
   * @param as the kind of answer that it stands for: a fault answers the order to finish.
   * @returns false when nobody waits for it.
   */
  answered(news: ContentNews, as: string = news.kind): boolean {
    const key = `${as} ${news.content}`;
    const waiting = this.#waiting.get(key);
    if (!waiting) return false;
    waiting.news.push(news);
    if (--waiting.left === 0) {
      this.#waiting.delete(key);
      waiting.resolve(waiting.news);
    }
    return true;
  }

  /**
   * Checks the pieces that an earlier run may have left.
   *
   * @param from the first of them.
   * @param to the one after the last.
   */
  async check(id: string, from = 0, to = Infinity): Promise<number[]> {
    const { pool } = this;
    const checked = this.#expect("checked", id, pool.size);
    for (let i = 0; i < pool.size; i++) {
      pool.tell(i, { kind: "check", content: id, from: from + i, step: pool.size, to });
    }
    return (await checked).flatMap((news) => news.kind === "checked" ? news.held : []);
  }

  #expect(
    kind: "opened" | "checked" | "finished" | "discarded",
    id: string,
    count: number,
  ): Promise<ReceiveNews[]> {
    if (count === 0) return Promise.resolve([]);
    return new Promise((resolve) => this.#waiting.set(`${kind} ${id}`, { left: count, news: [], resolve }));
  }
}

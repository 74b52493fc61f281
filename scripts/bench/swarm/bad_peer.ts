/**
 * A peer for tests that serves what it shouldn't: the product's own peer, run from its sources, with what it sends spoiled
 * on the way out. Never part of an executable.
 *
 * LABSWARM_BAD=corrupt: every 20th piece that it sends has a wrong byte. LABSWARM_BAD=stop: it sends some pieces, then
 * stops in the middle of one for good, and of every other one that it is asked for; all else it goes on with.
 */

import { PEER } from "../../../src/cli/peer_commands.ts";
import { main } from "../../../src/cli/main.ts";
import { RateLimiter } from "../../../src/transport/rate.ts";
import { type DataFrame, Outbox } from "../../../src/transport/outbox.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { BAD_PIECE } from "./ours.ts";

const EVERY = 20;
/** Pieces that a stopping peer sends before. */
const GOOD_PIECES = 10;
const PART = 32_768;

/** Never lets anything pass after the first part. */
class Stopper extends RateLimiter {
  #passed = false;

  constructor() {
    super(systemClock, 1);
  }

  override take(): number {
    if (this.#passed) return 1e9;
    this.#passed = true;
    return 0;
  }
}

function spoil(frame: DataFrame, count: number, mode: string | undefined): DataFrame {
  const isBad = mode === "corrupt" ? count % EVERY === 0 : mode === "stop" && count > GOOD_PIECES;
  if (!isBad) return frame;
  console.error(BAD_PIECE);
  if (mode === "stop") return { ...frame, partBytes: PART, rate: new Stopper() };
  const fill = (into: Uint8Array, offset: number) => {
    frame.fill(into, offset);
    if (offset === 0) into[0]! ^= 1;
  };
  return { ...frame, fill };
}

if (import.meta.main) {
  const mode = Deno.env.get("LABSWARM_BAD");
  const send = Outbox.prototype.sendData;
  let count = 0;
  Outbox.prototype.sendData = function (frame) {
    return send.call(this, frame.kind === "PieceData" ? spoil(frame, ++count, mode) : frame);
  };
  await main(PEER);
}

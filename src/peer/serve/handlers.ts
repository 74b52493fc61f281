/** What a peer answers to others: its index, manifests, pieces, offers. */

import { LabError } from "../../base/errors.ts";
import type { IndexRow } from "../../catalog/row.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import type { Connection, Handler } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import type { RateLimiter, Throttle } from "../../transport/rate.ts";
import type { Askers } from "../broadcast/askers.ts";
import type { HashedFile } from "../broadcast/hashed_file.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { ContentStore } from "./content_store.ts";
import { IndexPages } from "./index_page.ts";

/** What a peer answers from. */
export interface PeerAnswers {
  rows: () => readonly IndexRow[];
  contents: ContentStore;
  /** Contents that are being received and passed on, or hashed yet: asked for before all others. */
  relay?: Relay | HashedFile;
  /** Those who ask for pieces of broadcasts. */
  askers?: Askers;
  rate: RateLimiter;
  /** How pieces go that have to make way for other traffic; undefined where they needn't. */
  giveWay?: (isRelayed: boolean) => { rate: Throttle; partBytes: number } | undefined;
  /** How to call and reach this peer in its own index. */
  self: () => { name: string; port: number };
  offer: Handler;
  /** Answers Reach and Probe. */
  check?: Handler;
  /** Hears that a file isn't what it was when it was asked for. */
  changed?: (fault: LabError) => void;
  /** Hears of each piece that was sent: its bytes, its content, and on which connection. */
  sent: (bytes: number, content: string, to: Connection) => void;
}

/** Makes the handler of a connection from another peer or a tool. */
export function peerHandler(answers: PeerAnswers): Handler {
  const pages = new IndexPages();
  return (message, exchange) => answer(answers, pages, message, exchange);
}

function answer(
  answers: PeerAnswers,
  pages: IndexPages,
  message: Message,
  exchange: Exchange,
): Promise<void> | void {
  switch (message.kind) {
    case "RFCQuery":
      return exchange.send(indexPage(answers, pages, message, exchange));
    case "GetRFC":
      return sendManifest(answers, message, exchange);
    case "PieceRequest":
      return sendPiece(answers, message, exchange);
    case "Interested":
      return answers.askers?.join(
        message.content,
        { instead: message.instead, demoted: message.demoted === true },
        exchange,
      );
    case "Offer":
      return answers.offer(message, exchange);
    case "Reach":
    case "Probe":
      if (!answers.check) throw new LabError("unsupported", "Nothing can be checked here");
      return answers.check(message, exchange);
    default:
      throw new LabError("unsupported", `A peer does not answer ${message.kind}`);
  }
}

/** One page of our own index. */
function indexPage(
  { rows: all, self }: PeerAnswers,
  pages: IndexPages,
  query: MessageOf<"RFCQuery">,
  exchange: Exchange,
): MessageOf<"RFCIndex"> {
  const { connection } = exchange;
  const now = () => connection.clock.monotonic();
  const began = now();
  const { rows, next } = pages.page(all(), query, now);
  connection.budget?.work(now() - began);
  const { name, port } = self();
  return {
    kind: "RFCIndex",
    holders: [{ name, address: connection.local.host, port }],
    rows: rows.map((row) => ({ ...row, holders: [0] })),
    ...(next === undefined ? {} : { next }),
  };
}

async function sendManifest(
  { contents, relay }: PeerAnswers,
  { files }: MessageOf<"GetRFC">,
  exchange: Exchange,
): Promise<void> {
  const wanted = files.map(([name, size, sha256]) => ({ name, size, sha256 }));
  const { member, remote } = exchange.connection;
  const asker = {
    who: member?.id ?? remote.host,
    get aborted() {
      return exchange.aborted;
    },
  };
  const bytes = relay?.manifest(wanted) ?? await contents.manifest(wanted, asker);
  await exchange.connection.sendData({
    kind: "ManifestData",
    stream: exchange.stream,
    length: bytes.length,
    fill: (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
    signal: exchange,
  });
}

async function sendPiece(
  answers: PeerAnswers,
  request: MessageOf<"PieceRequest">,
  exchange: Exchange,
): Promise<void> {
  const { content, piece, paced = false } = request;
  const { relay, contents } = answers;
  const answered = answers.askers?.asks(content, exchange);
  try {
    // What is held anyway need not wait for a broadcast that may begin.
    const isHeld = contents.has(content) && !relay?.has(content);
    const relayed = isHeld ? undefined : await relay?.piece(content, piece, exchange, paced);
    const { length, fill } = relayed ?? contents.piece(content, piece);
    if (answers.askers && !await answers.askers.turn(content, exchange)) return;
    await exchange.connection.sendData({
      kind: "PieceData",
      stream: exchange.stream,
      length,
      fill,
      limited: () => answers.askers?.limited(content, exchange),
      ...paced && { isAhead: () => answers.askers?.isAhead(content, exchange, piece) ?? false },
      ...answers.giveWay?.(relayed !== undefined) ?? { rate: answers.rate },
      signal: exchange,
    });
    answers.sent(length, content, exchange.connection);
  } catch (cause) {
    if (cause instanceof LabError && cause.code === "changed") answers.changed?.(cause);
    if (!answers.askers?.wasSentAway(exchange)) throw cause;
  } finally {
    answered?.();
  }
}

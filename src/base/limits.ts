/**
 * Every limit of the house, with its unit and its reason, in one file. What comes off a socket or out of a file is
 * hostile until parsed; these numbers say how much of it we are ready to hold at any moment.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** Largest frame before the handshake is over, bytes: a Hello is about 300; nothing unauthenticated gets more. */
  handshakeFrame: 4 * KiB,
  /** Small control messages, bytes: names are at most 1,024 bytes, and no such message holds more than a few. */
  smallMessage: 16 * KiB,
  /** Messages that carry lists (rows, peers, files), bytes: about 4,000 rows of 250 bytes in one page. */
  listMessage: 1 * MiB,
  /** A message type we don't know is skipped up to this size, bytes; a larger one ends the connection. */
  unknownMessage: 64 * KiB,
  /** A manifest, bytes: 8 TiB in 4 MiB pieces is 64 MiB of hashes; 100,000 packed files are about 20 MiB. */
  manifest: 64 * MiB,
  /** A piece, bytes: the largest piece size there is. */
  piece: 4 * MiB,
  /** Rows in one page of an index: a page stays under `listMessage` even with names of 200 bytes. */
  pageRows: 2_000,
  /** Bytes of JSON in one page: names may be 1,024 bytes long, so rows alone are no bound. */
  pageBytes: 900 * KiB,
  /** Files named by one GetRFC: what one pack holds. */
  filesPerContent: 2_000,
  /** Rows of one peer's index that the registration server keeps: 10 times the largest lab share we know. */
  rowsPerPeer: 200_000,
  /** Longest time that a broadcast is kept for those who come late, seconds: 30 days, as long as registrations count. */
  broadcastSeconds: 30 * 24 * 3600,
  /** Requests of one connection being worked on at once; one more is answered with the error "busy". */
  requestsInFlight: 64,
  /** Pieces asked for on one connection and not sent yet: 64 of 4 MiB is far beyond any bandwidth-delay product. */
  piecesQueued: 64,
  /** Connections a server accepts: 10,000 peers are the registration server's goal; one lab needs about 400. */
  connections: 12_000,
  /** Connections that have not finished their handshake: each costs about 6 KiB and a timer. */
  handshakesInFlight: 2_000,
  /** A request of the course's own programs, bytes: a file's name of 1,024 and a few headers. */
  classicRequest: 8 * KiB,
  /** Connections of such programs at once: a class of 64, each with a few. */
  classicConnections: 256,
  /** Requests of such a program that wait for their answers: they ask one after the other. */
  classicPipelined: 16,
  /** Such programs registered from one address: an exercise on one PC; more would only push others out. */
  classicPerAddress: 64,
  /** Rows of the index that such a program is told: about 1 MB of text. */
  classicRows: 10_000,
  /** A datagram of discovery, bytes: RFC 6762 section 17. */
  datagram: 9_000,
  /** Questions looked at in one datagram, and records in an answer: ours have 1, and about 20. */
  discoveryQuestions: 64,
  discoveryRecords: 256,
  /** Labs that are told apart in one network, and addresses of one: more is no network of ours, but somebody's joke. */
  discoveryLabs: 32,
  discoveryAddresses: 16,
  /** Questions that are answered in a second: a lab of 400 PCs that start at once asks three times each in a few. */
  discoveryAnswers: 400,
  /** Datagrams looked at in one search. */
  discoveryDatagrams: 2_000,
  /** Bytes waiting to be written on one connection before it counts as stuck and is closed. */
  writeQueue: 8 * MiB,
} as const;

/** How long to wait for what, milliseconds. Every wait has an owner: the code that names the entry. */
export const TIMEOUTS = {
  /** Dialling: a LAN answers in milliseconds, a PC that is switched off never does. */
  dial: 5_000,
  /** From accept to a complete Hello, and from Hello to Welcome. */
  handshake: 10_000,
  /** A request that needs no long work on the other side. */
  request: 30_000,
  /** A GetRFC may make the holder read and hash what it holds. */
  manifest: 120_000,
  /** A piece that was asked for: no byte for this long means that the holder is gone or stuck. */
  pieceStall: 15_000,
  /** Between two KeepAlives of a peer; also tells the RS within two of them that a laptop lid closed. */
  keepAlive: 30_000,
  /** The RS closes a registered connection that was silent for this long: three KeepAlives lost. */
  registrationIdle: 100_000,
  /** A connection of a tool or of another peer that has been idle this long is closed. */
  connectionIdle: 120_000,
  /** After its connection broke, a peer has this long to come back before it counts as inactive. */
  grace: 10_000,
  /** After a restart of the RS its peers need longer: their back-off may have grown to `backoffMax`. */
  graceAfterRestart: 45_000,
  /** First and longest pause before a peer dials its RS again; jitter spreads a whole lab's attempts. */
  backoffMin: 500,
  backoffMax: 15_000,
  /** A program of the course's own: its first request whole; afterwards we hang up, for some wait for that to happen. */
  classicRequest: 30_000,
  classicLinger: 5_000,
  /** Looking for a lab: a LAN answers in milliseconds; a lost datagram is sent again. "Found or not" is promised within 2 s. */
  discovery: 1_700,
  /** After the first answer: there may be another lab. */
  discoverySettle: 400,
  /** Between two addresses of one PC that are tried: the next one needn't wait for the first to fail (RFC 8305). */
  nextAddress: 250,
  /** A server that can be found looks again which interfaces there are. */
  discoveryInterfaces: 15_000,
  /** Sending is given up when a receiver takes no byte for this long. */
  writeStall: 30_000,
} as const;

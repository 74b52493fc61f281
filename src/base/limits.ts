/**
 * Every limit of the house, with its unit and its reason, in one file. What comes off a socket or out of a file is
 * hostile until parsed; these numbers say how much of it we are ready to hold at any moment.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sizes and numbers that nothing exceeds. */
export const LIMITS = {
  /** Largest frame before the handshake is over, bytes: a Hello is about 300; nothing unauthenticated gets more. */
  handshakeFrame: 4 * KiB,
  /** Messages read before the handshake is over: it takes two; nobody unknown gets more than these parsed. */
  handshakeMessages: 4,
  /** Small control messages, bytes: names are at most 1,024 bytes, and no such message holds more than a few. */
  smallMessage: 16 * KiB,
  /** Messages that carry lists (rows, peers, files), bytes: about 4,000 rows of 250 bytes in one page. */
  listMessage: 1 * MiB,
  /** A message type we don't know is skipped up to this size, bytes; a larger one ends the connection. */
  unknownMessage: 64 * KiB,
  /** A manifest, bytes: 8 TiB in 4 MiB pieces is 64 MiB of hashes; 100,000 packed files are about 20 MiB. */
  manifest: 64 * MiB,
  /** Hashes of pieces in one message while a file is being hashed: 200 of 67 characters stay under `smallMessage`. */
  hashesPerMessage: 200,
  /**
   * Manifests that a holder keeps, bytes: what was asked for last is asked for again. A fetch of 100,000 small files goes
   * through 20 MiB of them; what is kept beside them takes twice as much. The newest is kept however large.
   */
  manifestsKept: 32 * MiB,
  /** A piece, bytes: the largest piece size there is. */
  piece: 4 * MiB,
  /** Rows in one page of an index: a page stays under `listMessage` even with names of 200 bytes. */
  pageRows: 2_000,
  /** Peers in one page of PQuery: made in about 5 ms, for which everybody else waits. */
  pagePeers: 1_000,
  /** Bytes of JSON in one page: names may be 1,024 bytes long, so rows alone are no bound. */
  pageBytes: 900 * KiB,
  /** Files named by one GetRFC: what one pack holds. */
  filesPerContent: 2_000,
  /** Rows of one peer's index that the registration server keeps: 10 times the largest lab share we know. */
  rowsPerPeer: 200_000,
  /** Rows of all peers together: three times a campus of a million; each takes 0.3 to 1.5 KB. */
  rowsInAll: 3_000_000,
  /** Rows of the history, of what ended: a year of 400 PCs on which 35 files a day change; 0.2 KB each, 1 GB in all. */
  historyRows: 5_000_000,
  /** Longest time that a broadcast is kept for those who come late, seconds: 30 days, as long as registrations count. */
  broadcastSeconds: 30 * 24 * 3600,
  /** Requests of one connection being worked on at once; one more is answered with the error "busy". */
  requestsInFlight: 64,
  /**
   * Requests a second of one connection, and in one go; in a secured lab of all connections of one member. What comes faster
   * is read later. Pieces are asked for a few thousand times a second at most; so many small questions take a tenth of a core.
   */
  requestsPerSecond: 10_000,
  /**
   * A millisecond of work on searches and lists counts for so many requests: then one member takes a quarter of a core at most,
   * and reads its own 200,000 rows in some seconds.
   */
  requestsPerMs: 40,
  /**
   * So many bytes of a message count as one request more: rows of an index, which are the longest there are, take 20 ms a MiB
   * to read and as much to store. Then one member takes less than half a core with them, and tells its own 200,000 in 6 s.
   */
  bytesPerRequest: 1 * KiB,
  /** What may wait unread on one stream: one read of 64 KiB holds 5,000 of the smallest messages. */
  unreadParts: 8_192,
  unreadBytes: 4 * MiB,
  /**
   * What may wait unread in all questions of one connection, in a secured lab of one member, bytes: as much as in four of them.
   * Handlers that read do so at once; in memory it's some four times as much.
   */
  unreadInAll: 16 * MiB,
  /** Each of those messages counts for so much more: even an empty one is kept in objects. */
  unreadPart: 256,
  /** Files in all lists that have been offered to one PC and not dealt with: three of the longest, 0.6 KB a file. */
  filesOffered: 600_000,
  /** Files that are sent to one PC at once, and as many broadcasts: each has part files and sources of its own. */
  offersAtOnce: 8,
  /** Pieces asked for on one connection and not sent yet: 64 of 4 MiB is far beyond any bandwidth-delay product. */
  piecesQueued: 64,
  /** Connections a server accepts: 10,000 peers are the registration server's goal; one lab needs about 400. */
  connections: 12_000,
  /** Connections that have not finished their handshake: each costs about 6 KiB and a timer. */
  handshakesInFlight: 2_000,
  /**
   * Of those, from one address: half, so that whoever floods pushes itself out. Labs sit behind NAT, where 400 PCs may dial
   * in the same second; who has greeted counts no longer, since in an open lab nobody has more right to be there.
   */
  handshakesPerAddress: 1_000,
  /**
   * Connections that were given up and that the runtime's TLS can't close, each with a socket and 14 KiB: more than crashes and
   * lost networks ever leave behind, and little; with more of them callers come in by a door that can be closed.
   */
  unclosable: 256,
  /** Of those, dialled to one host: then it's dialled no longer. */
  unclosablePerHost: 16,
  /** Connections of one member of a secured lab: its data connections, commands and dashboards; some are 20. */
  connectionsPerMember: 128,
  /** Failed tries of a join code from one address in a minute: somebody who mistypes needs two. */
  joinTries: 5,
  /**
   * Wrong keys of the page from one address in a minute; and once more so many that begin like the right one, so that others
   * behind the same NAT can't keep out who has it.
   */
  pageTries: 5,
  /** Connections of the page: 64 leads, each with the six of a browser and some tabs. Each costs three sockets and 30 KiB. */
  pageConnections: 512,
  /** Of those from one address, that are not logged in: a browser has six, and a few may sit behind one NAT. */
  pageStrangers: 64,
  /** Tries of one address being judged at once: a whole lab behind one NAT may join at the same moment. */
  triesAtOnce: 64,
  /** Addresses whose failed tries are remembered, the oldest forgotten first: 1 MB. */
  triedAddresses: 10_000,
  /** Invitations in force at once: each try is compared with all of them. */
  invites: 100,
  /** Members of a lab, revoked ones included, and records of peers: five campuses. */
  members: 50_000,
  /** What a NATS server says of itself first, bytes: some 400, and 50 for each server of its cluster. */
  natsGreeting: 64 * KiB,
  /** A file of authorities, bytes: a hundred of them; all public ones together are 220 KB. */
  authorities: 256 * KiB,
  /** Length of an index.csv in UTF-16 units: more than a million of the longest rows that people have. */
  indexText: 512 * MiB,
  /** Rows of an index.csv: 25 times the files of a large lab's share; about 1 GB in memory. */
  indexRows: 1_000_000,
  /**
   * Of those, rows of files that have gone: ten years of a share that changes 27 times a day. Where a program makes names
   * without end they would fill the memory, and in the end the file couldn't be read again.
   */
  goneRows: 100_000,
  /** A line of it in UTF-16 units: a row needs 3 KiB at most, all of it quotes; the parser's memory grows with it. */
  indexLine: 16 * KiB,
  /** Files in one manifest: a pack has 2,000, so this is room for other people's habits. */
  manifestFiles: 100_000,
  /** JSON part of a manifest, bytes: 100,000 files of the longest name (1,024), size (16) and hash (64), 9 signs. */
  manifestJson: 128 * MiB,
  /** A file's name in UTF-8 bytes: with a folder before it, it stays below macOS's 1,024 and Linux's 4,096 mostly. */
  nameBytes: 1_024,
  /** A part of it: NTFS and APFS count 255 UTF-16 units, ext4 counts 255 bytes; both must hold. */
  namePart: 255,
  /** Parts of it: far deeper than people go, shallow enough for any recursion. */
  nameParts: 32,
  /** A peer's name in characters: it has to fit into tables and into conflict names. */
  peerName: 64,
  /** A file's title in UTF-16 units: five lines of an RFC, more than any list can show. */
  title: 300,
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
  /** Bytes sent to somebody who wants to see how fast they come: a second at 1 Gbit/s needs 125 MB, but 0.1 s will do. */
  probe: 16 * MiB,
  /** Such bytes are sent in frames of this size, and to so many at once. */
  probePart: 256 * KiB,
  probesAtOnce: 4,
  /** Times in a minute that one address is dialled back, and dials under way for all together: nobody's scanner. */
  dialBacks: 12,
  dialBacksAtOnce: 8,
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
  /** From a stranger's connection to the page until a whole request is there, and from that to the next one. */
  pageRequest: 10_000,
  /** What was said last before a close has this long to get out by the door. */
  doorFarewell: 2_000,
  /** A control message that has begun must be whole by then, however its bytes dribble: 1 MiB at 17 KB/s. */
  message: 60_000,
  /** A request that needs no long work on the other side. */
  request: 30_000,
  /** A GetRFC may make the holder read and hash what it holds. */
  manifest: 120_000,
  /** All pages of an index: of three million rows on a busy server, by a search that finds few. */
  wholeIndex: 600_000,
  /** A piece that was asked for: no byte for this long means that the holder is gone or stuck. */
  pieceStall: 15_000,
  /** A fetch that is ended waits so long for files that are being put in their places: a rename, or a pack unpacked. */
  placing: 2_000,
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
  /** The longest when there's no room: it takes somebody who leaves. 50,000 PCs too many ask 420 times a second. */
  backoffFull: 120_000,
  /** A program of the course's own: its first request whole; afterwards we hang up, for some wait for that to happen. */
  classicRequest: 30_000,
  classicLinger: 5_000,
  /** Seeing how fast bytes come is over after this long, however few have come. */
  probe: 1_000,
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

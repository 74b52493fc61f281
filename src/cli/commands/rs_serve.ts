/** `rs serve`: the registration server with its inbox and its control port. */

import { join, resolve } from "@std/path";
import { LabError, messageOf } from "../../base/errors.ts";
import { formatHostPort } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { type ControlCommand, openControl } from "../../peer/control.ts";
import { lockDataFolder } from "../../peer/data_folder.ts";
import { Checks } from "../../peer/doctor/checks.ts";
import { ContentStore, type LocalFiles } from "../../peer/serve/content_store.ts";
import { peerHandler } from "../../peer/serve/handlers.ts";
import { offerHandler } from "../../peer/serve/offers.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { WorkerPool } from "../../peer/fetch/worker_pool.ts";
import { SecuredLab } from "../../registry/lab.ts";
import type { NatsStore } from "../../registry/nats/nats_store.ts";
import { placeText } from "../../registry/nats/place.ts";
import { History } from "../../registry/history.ts";
import { metricsOf } from "../../registry/metrics.ts";
import { demandNoHalfRestore } from "../../registry/restore.ts";
import { type RegistryServer, startRegistry } from "../../registry/server.ts";
import { demandApart } from "../../storage/apart.ts";
import { keepTidy } from "../../storage/old_parts.ts";
import { Root } from "../../storage/root.ts";
import type { Handler } from "../../transport/connection.ts";
import { RateLimiter } from "../../transport/rate.ts";
import type { CommandContext } from "../context.ts";
import { Page } from "../dashboard/page.ts";
import { processStats } from "../dashboard/probes.ts";
import { type Exporter, telemetryOf } from "../telemetry.ts";
import { VERSION } from "../version.ts";
import type { RS_SERVE_FLAGS } from "./rs_flags.ts";
import { howToJoin } from "./invitation.ts";
import { announceLab } from "./rs_announce.ts";
import { labCommands, openLabCommands } from "./rs_lab.ts";
import { indexCommands } from "./rs_questions.ts";
import { operationCommands } from "./rs_operation.ts";
import { keepServers } from "./rs_servers.ts";
import { authorityFrom, openOpenLab, openShared, openSharedLab, ownHosts } from "./rs_store.ts";
import { peerContext } from "./setting.ts";

type Ctx = CommandContext<typeof RS_SERVE_FLAGS>;

/** Serves until it is interrupted. */
export async function run(ctx: Ctx): Promise<void> {
  const { flags, folders } = ctx;
  if (flags.classic !== undefined && !flags.open) {
    throw new LabError(
      "usage",
      "Cannot serve --classic without --open: the course's own programs can't join with a code, so they need an open lab",
    );
  }
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  demandApart(resolve(folders.share), data);
  const lock = lockDataFolder(Root.open(data, "write").path, "rs");
  try {
    demandNoHalfRestore(data);
    await makeShare(ctx);
    const { store, remember } = await storeFor(ctx, data);
    const page = new Page(ctx, data);
    const lab = await labFor(page.ctx, data, store).catch(async (thrown) => {
      await store?.close();
      throw thrown;
    });
    await remember();
    const telemetry = telemetryOf(VERSION);
    const context = { ...peerContext(page.ctx), security: lab?.security };
    const history = History.open({ dataDir: data, clock: ctx.clock, log: page.ctx.log });
    const server = await start(page, data, context, { lab, telemetry, store, history });
    const started = ctx.clock.now();
    telemetry?.metrics(() => metricsOf(server.stats(), processStats({ started, data })));
    const { host, port } = server.address;
    const serves = { host, port };
    const control = await openControl({
      data,
      role: "rs",
      serves,
      context,
      commands: {
        ...commands(server),
        ...operationCommands({
          ...{ server, lab, data, serves },
          store: store && placeText(store.setting.link.place),
          clock: ctx.clock,
          signal: ctx.signal,
        }),
        ...indexCommands({ server, history, clock: ctx.clock }),
        ...lab ? labCommands(lab) : openLabCommands,
      },
    });
    const http = await page.open(server, context, lab);
    await tellStart(ctx, { server, lab, data, httpPort: http?.port });
    const tidying = keepTidy([resolve(folders.share), join(data, "inbox")], ctx.clock);
    const announced = flags.discovery ? await announceLab(ctx, serves, lab?.authority) : undefined;
    await new Promise<void>((resolve) => {
      if (ctx.signal.aborted) resolve();
      ctx.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await announced?.close();
    await tidying.stop();
    await control.close();
    await page.close();
    await server.close().finally(() => history.close());
  } finally {
    lock.release();
  }
}

/** Connections are accepted: where, and how safely. */
async function tellStart(
  ctx: Ctx,
  { server, lab, data, httpPort }: {
    server: RegistryServer;
    lab: SecuredLab | undefined;
    data: string;
    httpPort: number | undefined;
  },
): Promise<void> {
  const { output, log } = ctx;
  const { address: { host, port }, classicPort } = server;
  output.json({
    event: "listening",
    role: "rs",
    host,
    port,
    ...(classicPort === undefined ? {} : { classicPort }),
    ...(httpPort === undefined ? {} : { httpPort }),
  });
  if (!lab) {
    log.warn(
      "OPEN MODE: anybody on this network may register, fetch, send and read along; for demonstrations only",
    );
  } else if (lab.isNew) await tellFirst(ctx, lab, port);
  log.info(`Listening on ${formatHostPort({ host, port })}, data in ${data}`);
  if (classicPort !== undefined) log.info(`Answers the course's own programs on port ${classicPort}`);
}

/** What `rs broadcast` on this PC may ask for. */
function commands(server: RegistryServer): Record<string, ControlCommand> {
  return {
    async adopt({ id, paths }) {
      const list = Array.isArray(paths) ? paths.filter((each) => typeof each === "string") : [];
      await server.adopt(String(id), list);
    },
    async doctor(_, tell, signal) {
      const { examineLab } = await import("../doctor/lab_examination.ts");
      await examineLab(server, tell, signal);
    },
  };
}

/** Answers whoever fetches a broadcast that this server has taken over: manifests and pieces, nothing else. */
function ownFiles(ctx: Ctx, context: PeerContext, find: LocalFiles, port: () => number): Handler {
  const contents = new ContentStore(find, undefined, context.clock);
  const tidy = context.clock.every(5_000, () => contents.tidy());
  ctx.signal.addEventListener("abort", () => {
    tidy();
    contents.close();
  }, { once: true });
  return peerHandler({
    rows: () => [],
    contents,
    rate: new RateLimiter(context.clock, Infinity),
    self: () => ({ name: "rs", port: port() }),
    check: new Checks({ context, identity: () => ({ role: "rs", name: "rs", agent: context.agent }) }).answer,
    offer: () => {
      throw new LabError("unsupported", "Offers are answered elsewhere");
    },
    sent: () => {},
  });
}

/** The folder to broadcast from. Without it the server works all the same. */
async function makeShare({ ensureAccess, folders, log }: Ctx): Promise<void> {
  try {
    Root.open(await ensureAccess(folders.share, "read-write", { flag: "--share" }), "write");
  } catch (thrown) {
    log.warn(`There is no folder to broadcast from: ${messageOf(thrown)}`);
  }
}

/** The registry in NATS, where it lies there. */
async function storeFor(ctx: Ctx, data: string): ReturnType<typeof openShared> {
  const { store, natsCa } = ctx.flags;
  return await openShared(ctx, data, { store, ca: await authorityFrom(ctx, natsCa) });
}

/** The lab of this data folder; none in open mode, and then there must be none. */
async function labFor(ctx: Ctx, data: string, store: NatsStore | undefined): Promise<SecuredLab | undefined> {
  const { clock, log } = ctx;
  if (!ctx.flags.open) {
    return store ? await openSharedLab(ctx, data, store) : await SecuredLab.open({ data, clock, log });
  }
  if (!await SecuredLab.isIn(data)) {
    if (store) await openOpenLab(store);
    return undefined;
  }
  throw new LabError(
    "not_permitted",
    `Cannot open the lab in ${ctx.folders.data} to anybody: it is secured; for a demonstration choose another folder with --data`,
  );
}

/** The first join code; printed, since without one nobody gets in. */
async function tellFirst({ output, flags }: Ctx, lab: SecuredLab, port: number): Promise<void> {
  const invitation = await lab.invite({ role: "member" });
  output.json({ event: "invite", ...invitation });
  output.line(`Join code (2 hours, any number of PCs): ${invitation.code}`);
  for (const line of howToJoin(invitation.code, { port, discovery: flags.discovery })) output.line(line);
}

/** What stands around the server. */
interface Around {
  lab: SecuredLab | undefined;
  telemetry: Exporter | undefined;
  store: NatsStore | undefined;
  history: History;
}

async function start(
  page: Page,
  data: string,
  context: PeerContext,
  { lab, telemetry, store, history }: Around,
): Promise<RegistryServer> {
  const { ctx } = page;
  const { flags, output, log } = ctx;
  const onOffer = offerHandler({
    context,
    name: () => "rs",
    folderFor: (peer) => Root.open(join(data, "inbox", peer), "write").path,
    senderOf: (_, offer) =>
      offer.cookie === undefined ? undefined : server?.members.byCookie(offer.cookie)?.name,
    received: (file, from) => {
      if (file.present) return;
      output.json({ event: "received", name: file.name, bytes: file.size, from, path: file.path });
      log.info(`Received  ${printable(file.name)} from ${printable(from)} -> ${file.path}`);
      page.received(file, from);
    },
    signal: ctx.signal,
  });
  const server: RegistryServer = await startRegistry({
    ...context,
    host: flags.host,
    port: flags.port,
    ...(flags.classic === undefined ? {} : { classic: flags.classic }),
    data: store ? { store } : { dir: data },
    hosts: ownHosts(flags.host, flags.advertise),
    onServers: keepServers(ctx, data),
    ttlSeconds: flags.ttl,
    admission: lab,
    history,
    around: telemetry?.span,
    onEvent: () => page.membersChanged(),
    onOffer,
    onOther: ownFiles(
      ctx,
      context,
      (sha256, name) => server.ownFile(sha256, name),
      () => server.address.port,
    ),
    share: resolve(ctx.folders.share),
    hashOwn: (folder, name) => hashApart(ctx, context, folder, name),
  });
  return server;
}

/** Reads a file on a thread of its own: it may be large, and others are to be answered meanwhile. */
async function hashApart(
  { signal }: Ctx,
  context: PeerContext,
  folder: string,
  name: string,
): Promise<string | undefined> {
  const pool = new WorkerPool({ folder, identity: toolIdentity(context, "rs"), count: 1 });
  const interrupted = Promise.withResolvers<undefined>();
  const end = () => interrupted.resolve(undefined);
  signal.addEventListener("abort", end, { once: true });
  pool.listen(({ kind }) => kind === "fault" && end());
  try {
    return await Promise.race([pool.hash(name), interrupted.promise]);
  } finally {
    signal.removeEventListener("abort", end);
    pool.close();
  }
}

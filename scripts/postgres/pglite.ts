/**
 * The demo's Postgres: PGlite in this process, reachable over TCP, kept in a folder.
 *
 * One session serves every connection, a transaction at a time. So settings, advisory locks and prepared statements are
 * shared, transactions never run in parallel, and only what stands inside a transaction is safe from being mixed with
 * another connection's statements (the socket hands on message by message). The writer does everything in transactions
 * and names no statements, which suits it; tests that need parallel transactions use a real server.
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

/** Connections cost nothing here, they only wait in line; the gateway opens one per queue batch. */
const MAX_CONNECTIONS = 200;

export interface PgliteOptions {
  /** Made when it is missing. Only one process may have it open. */
  readonly dataDir: string;
  /** @default 0, a free one */
  readonly port?: number;
}

export interface PgliteServer {
  readonly url: string;
  /** Closes the connections and the database, so that nothing needs recovery at the next start. */
  stop(): Promise<void>;
}

/**
 * Opens the database and listens on 127.0.0.1.
 * Durable as far as the operating system is: a commit is handed to the file system before it is answered
 * (`relaxedDurability` is off), so that killing the process loses nothing; a power cut may.
 */
export async function startPglite(options: PgliteOptions): Promise<PgliteServer> {
  await mkdir(dirname(options.dataDir), { recursive: true });
  const db = await PGlite.create({ dataDir: options.dataDir, relaxedDurability: false });
  const server = new PGLiteSocketServer({
    db,
    host: "127.0.0.1",
    port: options.port ?? 0,
    maxConnections: MAX_CONNECTIONS,
  });
  try {
    await server.start();
  } catch (error) {
    await db.close();
    throw error;
  }
  return {
    url: `postgres://postgres:postgres@${server.getServerConn()}/postgres`,
    stop: async () => {
      await server.stop();
      await db.close();
    },
  };
}

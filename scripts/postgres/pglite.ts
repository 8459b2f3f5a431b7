/**
 * The demo's Postgres: PGlite in this process, reachable over TCP, kept in a folder.
 *
 * One session serves every connection, a transaction at a time. So settings, advisory locks and named prepared statements are
 * shared, and transactions never run in parallel: a client that leaves one open keeps everybody else waiting, the writer too.
 * The writer names no statements, which suits it; tests that need parallel transactions use a real server.
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
  keepSeriesTogether(db);
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

/** The first bytes of the messages that stand before a Sync: Parse, Bind, Describe, Execute, Close, Flush. */
const BEFORE_SYNC: ReadonlySet<number> = new Set(Array.from("PBDECH", (letter) => letter.charCodeAt(0)));

/**
 * A query with parameters is a series of messages up to its Sync, and the socket hands on message by message: another
 * connection's Parse in between would take the unnamed statement's place. The socket keeps what is inside a transaction together; so a series that
 * was begun is told to be one.
 */
function keepSeriesTogether(db: PGlite): void {
  let isMidSeries = false;
  const execute = db.execProtocolRawStream.bind(db);
  const isInTransaction = db.isInTransaction.bind(db);
  db.execProtocolRawStream = async (message, options) => {
    const [first] = message;
    isMidSeries = first !== undefined && BEFORE_SYNC.has(first);
    await execute(message, options);
  };
  db.isInTransaction = () => isMidSeries || isInTransaction();
}

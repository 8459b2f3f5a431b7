import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PgliteServer, startPglite } from "../../scripts/postgres/pglite.ts";

/** A database is made anew: seconds on a machine that has much else to do. */
const START_TIMEOUT_MS = 60_000;
const CLIENTS = 8;
const QUERIES_EACH = 30;
/** Protocol 3.0, user postgres (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const STARTUP = message("", "\0\x03\0\0user\0postgres\0\0");

let home: string;
let server: PgliteServer;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "sluice-pglite-"));
  server = await startPglite({ dataDir: join(home, "postgres") });
}, START_TIMEOUT_MS);

afterAll(async () => {
  await server.stop();
  await rm(home, { recursive: true });
}, START_TIMEOUT_MS);

describe("embedded Postgres", () => {
  it(
    "gives every connection its own answers, however many ask at once",
    async () => {
      const asked = Array.from({ length: CLIENTS }, async (_, client) => {
        const sql = open();
        for (let query = 0; query < QUERIES_EACH; query++) {
          // With parameters of another number and kind each, so that a mix-up is an error, or shows.
          expect([...(await sql`SELECT ${query}::int AS n`)]).toEqual([{ n: query }]);
          const text = await sql`SELECT ${String(client)}::text || ${String(query)}::text AS t`;
          expect([...text]).toEqual([{ t: `${client}${query}` }]);
        }
        await sql.end();
      });
      await Promise.all(asked);
    },
    START_TIMEOUT_MS,
  );

  it("serves the others when a client goes away in the middle of a query", async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(STARTUP);
    await new Promise((resolve) => socket.once("data", resolve));
    // Parse without what comes behind it, and a Flush, so that it is answered.
    socket.write(Buffer.concat([message("P", "\0SELECT 1\0\0\0"), message("H", "")]));
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    const sql = open();
    expect([...(await sql`SELECT ${1}::int AS n`)]).toEqual([{ n: 1 }]);
    await sql.end();
  });
});

/** One connection that names no statements, and waits in the middle of a query: to hear what kinds its parameters are. */
function open(): postgres.Sql {
  return postgres(server.url, { max: 1, prepare: false, fetch_types: false });
}

/** A message of the wire protocol: its type, the length of what follows, the content. */
function message(type: string, content: string): Buffer {
  const body = Buffer.from(content, "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

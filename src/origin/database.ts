/**
 * The origin's Postgres, as the Worker reaches it: a client per invocation, through Hyperdrive.
 *
 * - A client must not outlive its invocation, and need not be ended: Cloudflare closes its connection to Hyperdrive when
 *   the invocation is over (a queue consumer's too), rolling back what was open, and Hyperdrive keeps the connection to
 *   Postgres for the next (https://developers.cloudflare.com/hyperdrive/concepts/connection-lifecycle/).
 * - Hyperdrive pools by transaction, so settings are made inside a transaction (SET LOCAL) or not at all.
 * - Statements are not prepared by name: each runs once in a client's life, and Hyperdrive caches only prepared ones.
 * - Types are not fetched, which saves a round trip and gives up array parameters: lists travel as text, see
 *   `array-literal.ts`, or as jsonb.
 */
import postgres, { type Sql, type TransactionSql } from "postgres";
import { withTimeLimit } from "../waiting.ts";

/** Time that is left to the client beyond the server's own time-out, to hear of it. */
const GRACE_MS = 1000;

/** The transaction did not end in time: nobody knows whether it was committed. */
export class DatabaseTimeout extends Error {
  override readonly name = "DatabaseTimeout";
  readonly code = "TRANSACTION_TIMEOUT";

  constructor(timeoutMs: number) {
    super(`The transaction did not end within ${timeoutMs} ms`);
  }
}

/** A client, and how long one of its transactions may take, in ms. */
export interface Database {
  readonly sql: Sql;
  readonly timeoutMs: number;
}

/**
 * A client for this invocation, to be used through `transact`. It connects with its first statement.
 * It has no timers of its own: the driver's would close the socket under its own reader, which nobody could catch.
 */
export function openDatabase(connectionString: string, timeoutMs: number): Database {
  const sql = postgres(connectionString, {
    max: 1,
    fetch_types: false,
    prepare: false,
    connect_timeout: 0,
    max_lifetime: null,
    connection: { application_name: "sluice" },
    onnotice: () => {},
  });
  return { sql, timeoutMs };
}

/**
 * Runs `work` in one transaction, which ends within its time on the server and soon after that here, connecting
 * included. After a time-out the client is of no more use: what it waits for ends with the invocation.
 * Throws what failed: nothing was changed then, unless the connection was lost or timed out around the COMMIT.
 */
export async function transact<Value>(
  { sql, timeoutMs }: Database,
  work: (transaction: TransactionSql) => Promise<Value>,
): Promise<Value> {
  const transaction = sql.begin(async (inside) => {
    const [, value] = await Promise.all([inside.unsafe(limits(timeoutMs)), work(inside)]);
    return { value };
  });
  const limitMs = timeoutMs + GRACE_MS;
  const { value } = await withTimeLimit(
    transaction as Promise<{ value: Value }>,
    limitMs,
    () => new DatabaseTimeout(limitMs),
  );
  return value;
}

/** A statement, a wait for a lock and an idle moment may each take so long; one round trip sets all three. */
function limits(timeoutMs: number): string {
  return ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    .map((setting) => `SET LOCAL ${setting} = ${Math.ceil(timeoutMs)}`)
    .join("; ");
}

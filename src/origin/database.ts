/**
 * The origin's Postgres, as the Worker reaches it: a client per invocation, through Hyperdrive.
 *
 * - A client must not outlive its invocation, and need not be ended: Cloudflare closes its connection to Hyperdrive when
 *   the invocation is over (a queue consumer's too), rolling back what was open, and Hyperdrive keeps the connection to
 *   Postgres for the next (https://developers.cloudflare.com/hyperdrive/concepts/connection-lifecycle/).
 * - Hyperdrive pools by transaction, so settings are made inside a transaction (SET LOCAL) or not at all.
 * - Statements are not prepared by name: each runs once in a client's life, and Hyperdrive caches only prepared ones.
 * - Types are not fetched, which saves a round trip and gives up array parameters: lists travel as jsonb.
 */
import postgres, { type Sql, type TransactionSql } from "postgres";

const SECOND_MS = 1000;

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

/** A client for this invocation. It connects with its first statement, waiting at most `timeoutMs` for that. */
export function openDatabase(connectionString: string, timeoutMs: number): Sql {
  return postgres(connectionString, {
    max: 1,
    fetch_types: false,
    prepare: false,
    connect_timeout: Math.ceil(timeoutMs / SECOND_MS),
    connection: { application_name: "sluice" },
    onnotice: () => {},
  });
}

/**
 * Runs `work` in one transaction, which ends within `timeoutMs` on the server and soon after that here.
 * Throws what failed: nothing was changed then, unless the connection was lost or timed out around the COMMIT.
 */
export async function transact<Value>(
  sql: Sql,
  timeoutMs: number,
  work: (transaction: TransactionSql) => Promise<Value>,
): Promise<Value> {
  const transaction = sql.begin(async (inside) => {
    const [, value] = await Promise.all([inside.unsafe(limits(timeoutMs)), work(inside)]);
    return { value };
  });
  const { value } = await withTimeout(transaction as Promise<{ value: Value }>, timeoutMs + GRACE_MS);
  return value;
}

/** A statement, a wait for a lock and an idle moment may each take so long; one round trip sets all three. */
function limits(timeoutMs: number): string {
  return ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    .map((setting) => `SET LOCAL ${setting} = ${Math.ceil(timeoutMs)}`)
    .join("; ");
}

async function withTimeout<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseTimeout(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Gateway and database together, each begun as soon as it can be: what `npm start`, `npm run rush` and the tests run. */
import { claimPort, listenAddresses } from "./addresses.ts";
import { bundleWorker } from "./bundle.ts";
import { checkDatabaseUrl } from "./database-url.ts";
import { type Database, startDatabase } from "./database.ts";
import type { Vars } from "./dev-vars.ts";
import type { Gateway } from "./gateway.ts";

export interface StackOptions {
  /** 0: a free one. */
  readonly port: number;
  readonly host?: string;
  /** Claimed by whoever starts it, see claim-state.ts. */
  readonly stateDir: string;
  /** @default an embedded Postgres below stateDir */
  readonly databaseUrl?: string;
  /** @default the variables of .dev.vars */
  readonly vars?: Vars;
  /** A bundle made before. @default made now */
  readonly script?: string;
}

export interface Stack {
  readonly url: string;
  readonly database: Database;
  stop(): Promise<void>;
}

/** @throws StartError, in words for whoever started it; nothing is left running then. */
export async function startStack(options: StackOptions): Promise<Stack> {
  // Said before anything is begun.
  if (options.databaseUrl !== undefined) checkDatabaseUrl(options.databaseUrl);
  if (options.port !== 0) await claimPort(await listenAddresses(options.host ?? "127.0.0.1"), options.port);

  const bundling = options.script ?? bundleWorker(options.stateDir);
  const starting = startDatabase(options.stateDir, options.databaseUrl);
  // Only now, while the others work: wrangler and Miniflare take most of a second to load.
  const loading = import("./gateway.ts");
  const [script, database, loaded] = await Promise.allSettled([bundling, starting, loading]);
  if (database.status === "rejected") throw database.reason;
  let gateway: Gateway;
  try {
    if (script.status === "rejected") throw script.reason;
    if (loaded.status === "rejected") throw loaded.reason;
    const { startGateway } = loaded.value;
    gateway = await startGateway({ ...options, databaseUrl: database.value.url, script: script.value });
  } catch (fault) {
    await database.value.stop();
    throw fault;
  }
  return {
    url: gateway.url,
    database: database.value,
    stop: async () => {
      await gateway.stop();
      await database.value.stop();
    },
  };
}

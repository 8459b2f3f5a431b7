/** How wrangler is run by the project's own programs: quiet, offline, and with nothing written outside the state folder. */
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { spellOut } from "./database-url.ts";

/** The project's root folder, absolute. */
export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Variables for wrangler (and Miniflare), as a child process or within this one.
 *
 * @param stateDir wrangler's own files (it keeps some per user) go there.
 * @param databaseUrl stands in for Hyperdrive: the database that `ORIGIN_DB` leads to.
 */
export function wranglerEnvironment(stateDir: string, databaseUrl?: string): Record<string, string> {
  return {
    // wrangler's children (the [build] command) must find this Node and the project's tools, not the system's.
    PATH: [join(PROJECT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
    XDG_CONFIG_HOME: join(stateDir, "wrangler"),
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CLOUDFLARE_INCLUDE_PROCESS_ENV: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_WRITE_LOGS: "false",
    WRANGLER_LOG: "error",
    X_LOCAL_OBSERVABILITY: "false",
    ...(databaseUrl === undefined
      ? {}
      : { CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_ORIGIN_DB: spellOut(databaseUrl) }),
  };
}

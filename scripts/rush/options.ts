/** The arguments of `npm run rush`, checked. */
import { randomInt } from "node:crypto";
import { parseArguments, parseWholeNumber } from "../gateway/program.ts";
import { StartError } from "../gateway/start-error.ts";

export const RUSH_HELP = `npm run rush -- [--buyers 1000] [--stock 100] [options]

Runs a whole flash sale over HTTP and says whether every promise was kept: exit status 0, or 1 if one was broken.
Without --url it starts a gateway of its own, on a state of its own, and stops it at the end.

  --buyers N         1000 unless given, at most 20000
  --stock N          100 unless given
  --seed N           repeats the same buyers; a new one unless given
  --json             the report as JSON
  --url U            a running gateway, with the demo's identity route; the sale is a new product there
  --admin-token T    its operator's token; ADMIN_TOKEN of .dev.vars unless given
  --webhook-secret S its origin's secret; ORIGIN_WEBHOOK_SECRET of .dev.vars unless given
  --database-url D   its Postgres, to compare with; DATABASE_URL unless given
  --help             this text

  DATABASE_URL       without --url: a Postgres of your own instead of an embedded one`;

export interface RushOptions {
  readonly buyers: number;
  readonly stock: number;
  readonly seed: number;
  readonly json: boolean;
  readonly url: string | undefined;
  readonly adminToken: string | undefined;
  readonly webhookSecret: string | undefined;
  readonly databaseUrl: string | undefined;
}

/** As many as one generator on a small machine can play without becoming the thing that is measured. */
const BUYERS_MAX = 20_000;
/** A round's stock, as the gateway's own schema bounds it or more tightly. */
const STOCK_MAX = 1_000_000;
const SEED_MAX = 2 ** 32 - 1;

/** @throws StartError with exit status 2. */
export function parseRushOptions(args: readonly string[]): RushOptions | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArguments({
    args: [...args],
    strict: true,
    options: {
      buyers: text,
      stock: text,
      seed: text,
      json: { type: "boolean" },
      url: text,
      "admin-token": text,
      "webhook-secret": text,
      "database-url": text,
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return "help";
  const local = ["admin-token", "webhook-secret"] as const;
  for (const name of local) {
    if (values.url === undefined && values[name] !== undefined) {
      throw new StartError(`--${name} belongs to --url: a gateway of its own has the demo's secrets`, 2);
    }
  }
  if (values.url !== undefined && !/^http:\/\/[^/]+\/?$/.test(values.url)) {
    throw new StartError("--url must be like http://localhost:8787: plain http, without a path", 2);
  }
  return {
    buyers: parseWholeNumber("buyers", values.buyers, 1000, BUYERS_MAX),
    stock: parseWholeNumber("stock", values.stock, 100, STOCK_MAX),
    seed: parseWholeNumber("seed", values.seed, randomInt(1, 1_000_000), SEED_MAX),
    json: values.json ?? false,
    url: values.url?.replace(/\/$/, ""),
    adminToken: values["admin-token"],
    webhookSecret: values["webhook-secret"],
    databaseUrl: values["database-url"] ?? (process.env["DATABASE_URL"] || undefined),
  };
}

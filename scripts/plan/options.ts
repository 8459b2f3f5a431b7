/** The arguments of `npm run plan`, checked. */
import { parseArguments } from "../gateway/program.ts";
import { StartError } from "../gateway/start-error.ts";
import type { PlannedSale } from "./model.ts";
import { LIMITS } from "./platform.ts";
import { parseChoice, parseCount, parseShare, parseTime } from "./quantities.ts";
import { PROFILES } from "./simulation/arrivals.ts";

export const PLAN_HELP = `npm run plan -- [--buyers 1m] [--stock 10k] [--arrival 60s] [options]

Says what a sale asks of the platform, whether it is enough, how long the stock lasts and what it costs. From costs that
were measured, limits and prices that Cloudflare publishes, wrangler.toml, and a simulation of the sale.
Counts as 10000, 10k or 1m; times as 500ms, 60s or 2m; shares as 0.2 or 20%.

The sale
  --buyers N            people who want a unit: 1m unless given, at most 5m
  --stock N             units: 10k
  --quantity N          units that each takes: 1
  --per-buyer N         units that one may take: 2
  --hold TIME           how long a hold runs: 120s
  --challenge KIND      none or pow, before a token: none
  --solve TIME          what a proof of work takes without pressure: 300ms

The people
  --arrival TIME        from the opening until the last has clicked: 60s
  --profile P           spike (most at once), ramp (ever more) or poisson (evenly): spike
  --waiting SHARE       have the page open before the opening, for --waits TIME on average: 30%, 60s
  --think TIME          from page to click, of those who come later: 1s
  --patience TIME       wait for a unit while all are held: 30s
  --stay TIME           leave the page open after a last no: 20s
  --double SHARE        send their checkout twice: 2%
  --pay SHARE           pay, after --pay-after TIME on average: 90%, 30s
  --cancel SHARE        give their hold back: 2%
  --watch SHARE         keep the page open while they pay: 20%
  --later SHARE         look at their order once more when it has left its object, days later: 10%
  --attack SHARE        of the buyers are scripts, each with --attack-rate N requests a second more: 0, 5

The places
  --isolates N          isolates that serve the sale, everywhere: 200; nobody can know it beforehand
  --edge-trip TIME      from a buyer to Cloudflare and back: 30ms
  --object-trip TIME    from there to an object and back: 60ms
  --commit TIME         until an object's commit is durable: 10ms
  --transaction TIME    one transaction of the writer, with --transaction-event TIME for each event: 25ms, 0.2ms
  --object-rate N       calls a second that an object takes; measured: as many as it does here. 1000, the published limit
  --shards N            product objects that share the stock (not built: what it would do): 1

  --seed N              repeats the same sale: 1
  --json                as JSON
  --explain             with every input, formula and source
  --measure             measures the costs on this machine anew, in three minutes, and writes them to the repository's file
  --validate            runs three sales on this machine and lays what was predicted beside what was measured
  --help                this text`;

export interface PlanOptions {
  readonly what: "plan" | "measure" | "validate";
  readonly sale: PlannedSale;
  readonly json: boolean;
  readonly explain: boolean;
}

const BUYERS_MOST = 5_000_000;
const STOCK_MOST = 1_000_000;
const ISOLATES_MOST = 20_000;
const SHARDS_MOST = 1000;
const RATE_MOST = 1_000_000;
const SEED_MOST = 2 ** 32 - 1;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const OPTIONS = {
  buyers: text,
  stock: text,
  quantity: text,
  "per-buyer": text,
  hold: text,
  challenge: text,
  solve: text,
  arrival: text,
  profile: text,
  waiting: text,
  waits: text,
  think: text,
  patience: text,
  stay: text,
  double: text,
  pay: text,
  "pay-after": text,
  cancel: text,
  watch: text,
  later: text,
  attack: text,
  "attack-rate": text,
  isolates: text,
  "edge-trip": text,
  "object-trip": text,
  commit: text,
  transaction: text,
  "transaction-event": text,
  "object-rate": text,
  shards: text,
  seed: text,
  json: flag,
  explain: flag,
  measure: flag,
  validate: flag,
  help: flag,
} as const;

/** @throws StartError with exit status 2 that names the option. */
export function parsePlanOptions(args: readonly string[]): PlanOptions | "help" {
  const { values } = parseArguments({ args: [...args], strict: true, options: OPTIONS });
  if (values.help === true) return "help";
  if (values.measure === true && values.validate === true) {
    throw new StartError("--measure and --validate are two things: give one of them", 2);
  }
  const what = values.measure === true ? "measure" : values.validate === true ? "validate" : "plan";
  const [stray] = Object.keys(values).filter((name) => name !== what && name !== "json");
  if (what !== "plan" && stray !== undefined) {
    throw new StartError(`--${what} has sales of its own: --${stray} changes nothing in it`, 2);
  }
  type Text = {
    [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name] extends typeof text ? Name : never;
  }[keyof typeof OPTIONS];
  const count = (name: Text, standard: string, most: number, least = 1): number =>
    parseCount(name, values[name] ?? standard, { least, most });
  const time = (name: Text, standard: string, most = DAY_MS, least = 0): number =>
    parseTime(name, values[name] ?? standard, { least, most });
  const share = (name: Text, standard: string): number => parseShare(name, values[name] ?? standard);

  const perBuyer = count("per-buyer", "2", STOCK_MOST);
  const sale: PlannedSale = {
    crowd: {
      buyers: count("buyers", "1m", BUYERS_MOST),
      arrival: parseChoice("profile", values.profile ?? "spike", PROFILES),
      arrivalMs: time("arrival", "60s", DAY_MS, 1000),
      waitingShare: share("waiting", "30%"),
      waitingMs: time("waits", "60s"),
      thinkMs: time("think", "1s", HOUR_MS),
      timeReads: PAGE_TIME_READS,
      patienceMs: time("patience", "30s"),
      stayMs: time("stay", "20s"),
      doubleShare: share("double", "2%"),
      payShare: share("pay", "90%"),
      payAfterMs: time("pay-after", "30s"),
      cancelShare: share("cancel", "2%"),
      watchingShare: share("watch", "20%"),
      laterShare: share("later", "10%"),
      attackShare: share("attack", "0"),
      attackPerSecond: count("attack-rate", "5", 1000, 0),
    },
    round: {
      stock: count("stock", "10k", STOCK_MOST),
      perBuyer,
      quantity: count("quantity", "1", perBuyer),
      holdMs: time("hold", "120s", DAY_MS, 1000),
      challenge: parseChoice("challenge", values.challenge ?? "none", ["none", "pow"] as const),
      solveMs: time("solve", "300ms", HOUR_MS),
    },
    places: {
      topology: "cloud",
      isolates: count("isolates", "200", ISOLATES_MOST),
      edgeTripMs: time("edge-trip", "30ms", 10_000),
      objectTripMs: time("object-trip", "60ms", 10_000),
      commitMs: time("commit", "10ms", 10_000),
      objectPerSecond: values["object-rate"] === "measured" ? null : count("object-rate", PUBLISHED_RATE, RATE_MOST),
      shards: count("shards", "1", SHARDS_MOST),
      transactionMs: time("transaction", "25ms", 60_000),
      transactionEventMs: time("transaction-event", "0.2ms", 1000),
    },
    seed: count("seed", "1", SEED_MOST),
  };
  if (sale.crowd.payShare + sale.crowd.cancelShare > 1) {
    throw new StartError("--pay and --cancel must not be more than 100% together", 2);
  }
  return { what, sale, json: values.json ?? false, explain: values.explain ?? false };
}

const PUBLISHED_RATE = String(LIMITS.objectRequestsPerSecond.value);

/** client/clock.ts: a page that opens reads the gateway's time so often. */
export const PAGE_TIME_READS = 4;

/** How soon every isolate knows that a product is sold out, or open again. Target 9. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { readDemoVars, requireVar } from "../../scripts/gateway/dev-vars.ts";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { ownAddress } from "../../scripts/rush/cast.ts";
import { HttpClient } from "../../scripts/rush/http.ts";
import { SaleApi } from "../../scripts/rush/sale-api.ts";
import { createDatabase } from "../gateway/gateway.ts";
import { signJwts } from "../gateway/passes.ts";
import type { Bench, Findings, Ground } from "../ground.ts";
import { startProgram } from "../program.ts";
import { factOf } from "../ratios.ts";
import { percentile } from "../statistics.ts";
import { migrate } from "../../scripts/migrate.ts";

const SERVE = fileURLToPath(new URL("../isolates/serve.ts", import.meta.url));
/** Isolates, each with copies of its own. */
const ISOLATES = 6;
const TRIALS = { quick: 3, full: 15 };
const WITHIN_MS = 1000;
/** How often each isolate is asked: as often as one that serves 200 readers a second. */
const ASK_EVERY_MS = 5;
const GIVE_UP_MS = 5000;
const OPEN_FOR_MS = 60 * 60 * 1000;
/** From one trial to the next a copy should have any age. */
const PAUSE_MOST_MS = 1000;

const document = v.looseObject({ state: v.string() });
const ready = v.object({ urls: v.array(v.string()) });

export const spread: Bench = {
  name: "spread",
  tells: `how soon each of ${ISOLATES} isolates says "sold out" after the last unit, and "open" after a restock`,
  estimate: ({ quick }) => 10 + (quick ? TRIALS.quick : TRIALS.full) * 3,
  run: measureSpread,
};

async function measureSpread(ground: Ground): Promise<Findings> {
  const trials = ground.plan.quick ? TRIALS.quick : TRIALS.full;
  const stateDir = await mkdtemp(join(tmpdir(), "sluice-isolates-"));
  ground.keep({ stop: () => rm(stateDir, { recursive: true, force: true }) });
  const databaseUrl = await createDatabase(ground.database, "bench_spread");
  await migrate(databaseUrl);
  const server = ground.keep(await startProgram(SERVE, [stateDir, ground.script, databaseUrl, String(ISOLATES)]));
  const { urls } = v.parse(ready, server.told);
  const soldOut: number[] = [];
  const reopened: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    ground.tell(`trial ${trial + 1} of ${trials}`);
    const sale = await openSale(urls, trial);
    // Everywhere a copy is at hand, each of another age.
    await untilEverywhere(urls, sale.id, "open");
    await sleep(Math.random() * PAUSE_MOST_MS);
    const gone = watchEverywhere(urls, sale.id, (state) => state !== "open");
    await sale.sellLast();
    soldOut.push(...(await gone(performance.now())));
    await sleep(Math.random() * PAUSE_MOST_MS);
    const back = watchEverywhere(urls, sale.id, (state) => state === "open");
    await sale.restock();
    reopened.push(...(await back(performance.now())));
  }
  return {
    conditions: { isolates: ISOLATES, trials, askEveryMs: ASK_EVERY_MS },
    rounds: [],
    ratios: [],
    facts: [...distribution("sold out", soldOut), ...distribution("open again", reopened)],
    notes: [
      "Milliseconds from the answer to the last buyer (or to the operator who restocked) until an isolate's product document says so",
    ],
  };
}

function distribution(what: string, times: readonly number[]) {
  const at = (share: number): number => Math.round(percentile(times, share));
  return [
    factOf(`${what}: first isolate`, at(0), "ms"),
    factOf(`${what}: half of them`, at(0.5), "ms"),
    factOf(`${what}: 95 %`, at(0.95), "ms"),
    factOf(`${what}: last isolate`, at(1), "ms", WITHIN_MS),
  ];
}

async function openSale(urls: readonly string[], trial: number) {
  const vars = await readDemoVars();
  const id = `spread-${trial}`;
  // The buyer and the operator come by different isolates, neither of which is always the first.
  const urlOf = (offset: number): string => urls[(trial + offset) % urls.length] ?? "";
  const apiOf = (url: string): SaleApi =>
    new SaleApi(new HttpClient(url, 2), id, requireVar(vars, "ADMIN_TOKEN"), requireVar(vars, "ORIGIN_WEBHOOK_SECRET"));
  const [buying, operating] = [apiOf(urlOf(0)), apiOf(urlOf(1))];
  const now = Date.now();
  const made = await operating.configure({
    title: id,
    price: 1,
    currency: "USD",
    stock: 1,
    opensAt: now,
    closesAt: now + OPEN_FOR_MS,
    perBuyerLimit: 1,
    holdSeconds: 3600,
  });
  if (!made.ok) throw new StartError(`Cannot create ${id}: ${made.code}`);
  return {
    id,
    async sellLast(): Promise<void> {
      const [jwt = ""] = await signJwts(vars, [id]);
      const issued = await buying.token(ownAddress(trial), jwt);
      if (!issued.ok) throw new StartError(`Cannot get a token: ${issued.code}`);
      const order = await buying.checkout(ownAddress(trial), issued.value.checkoutUrl, issued.value.token, 1);
      if (!order.ok) throw new StartError(`Cannot buy the last unit: ${order.code}`);
    },
    async restock(): Promise<void> {
      const answer = await fetch(`${urlOf(1)}/v1/admin/products/${id}/stock`, {
        method: "POST",
        headers: { Authorization: `Bearer ${requireVar(vars, "ADMIN_TOKEN")}`, "Content-Type": "application/json" },
        body: JSON.stringify({ delta: 1 }),
      });
      if (!answer.ok) throw new StartError(`Cannot restock: ${answer.status}`);
      await answer.arrayBuffer();
    },
  };
}

let asked = 0;

/** Another address each time: readers are many, and the sieve counts each. */
async function stateAt(url: string, id: string): Promise<string> {
  const response = await fetch(`${url}/v1/products/${id}`, { headers: { "CF-Connecting-IP": ownAddress(asked++) } });
  return v.parse(document, await response.json()).state;
}

async function untilEverywhere(urls: readonly string[], id: string, wanted: string): Promise<void> {
  const asking = urls.map(async (url) => {
    await sleep(Math.random() * PAUSE_MOST_MS);
    await watchEverywhere([url], id, (state) => state === wanted)(performance.now());
  });
  await Promise.all(asking);
}

/**
 * Asks every isolate again and again from now on. What is returned takes the moment that counts as the beginning, and
 * resolves with the milliseconds from then until each isolate said what is wanted; 0 where it knew before.
 */
function watchEverywhere(
  urls: readonly string[],
  id: string,
  isWanted: (state: string) => boolean,
): (from: number) => Promise<readonly number[]> {
  const deadline = performance.now() + PAUSE_MOST_MS + GIVE_UP_MS;
  const seen = urls.map(async (url) => {
    while (performance.now() < deadline) {
      if (isWanted(await stateAt(url, id))) return performance.now();
      await sleep(ASK_EVERY_MS);
    }
    throw new StartError(`An isolate did not hear of the change of ${id} within ${GIVE_UP_MS} ms`);
  });
  return async (from) => (await Promise.all(seen)).map((at) => Math.max(0, at - from));
}

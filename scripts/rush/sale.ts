/** One sale from the operator's PUT to the last event in Postgres: opens a round, lets the buyers play, gathers the evidence. */
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../gateway/start-error.ts";
import { comeBack, play, type Scene } from "./buyer.ts";
import { checkGateway } from "./check-gateway.ts";
import { type Buyer, castBuyers } from "./cast.ts";
import { type GatewayClock, readClock } from "./clock.ts";
import { HttpClient } from "./http.ts";
import { readPostgres } from "./postgres.ts";
import { type Evidence, judge } from "./promises.ts";
import { newRecord, type SaleRecord } from "./record.ts";
import { type Report, sortRefusals, summarizeLatencies } from "./report.ts";
import { type LedgerDocument, SaleApi } from "./sale-api.ts";
import { signIn } from "./sign-in.ts";

export interface Sale {
  readonly url: string;
  readonly adminToken: string;
  readonly webhookSecrets: string;
  /** Undefined: not compared. */
  readonly databaseUrl: string | undefined;
  readonly buyers: number;
  readonly stock: number;
  readonly seed: number;
}

/** Says how far it is, whenever it is asked. */
export interface Progress {
  line: () => string;
}

const PER_BUYER_LIMIT = 2;
/** Short, so that the units of those who never pay come back while others still wait. */
const HOLD_SECONDS = 5;
/** Time for every buyer to look at the page and for the early birds to be refused, before the opening. */
const OPENS_AFTER_MS = 2500;
const OPENS_AFTER_PER_BUYER_MS = 0.7;
/** Holds of the first clicks end, are bought again, and those are paid or end as well. */
const PATIENCE_MS = 2 * HOLD_SECONDS * 1000 + 4000;
const OPEN_FOR_MS = 10 * 60 * 1000;
/** How long the last holds may take to end and the last events to arrive: a lost queue message is sent again within it. */
const SETTLE_WITHIN_MS = 30_000;
const SETTLE_POLL_MS = 200;
/** The buyers together; the patience bounds them, this only bounds a gateway that hangs. */
const PLAY_WITHIN_MS = 120_000;

export async function runSale(sale: Sale, progress: Progress): Promise<Report> {
  const began = performance.now();
  const product = `rush-${sale.seed}-${Date.now().toString(36)}`;
  progress.line = () => "asking whether the gateway is there";
  await checkGateway(sale);
  const http = new HttpClient(sale.url);
  try {
    const api = new SaleApi(http, product, sale.adminToken, sale.webhookSecrets);
    const buyers = castBuyers(sale.buyers, sale.seed, product);
    const record = newRecord();
    progress.line = () => "signing the buyers in";
    const identities = await signIn(api, buyers);
    const clock = await readClock(api);
    const scene = await openRound(api, sale, record, clock);

    let ended = 0;
    progress.line = () => tellProgress(scene, ended, sale, http.requests);
    const playing = Promise.all(
      buyers.map(async (buyer, index) => {
        await play(buyer, identities[index] ?? "", scene);
        ended++;
      }),
    );
    if ((await Promise.race([playing, sleep(PLAY_WITHIN_MS, "late" as const, { ref: false })])) === "late") {
      throw new StartError(`Only ${ended} of ${sale.buyers} buyers came to an end within ${PLAY_WITHIN_MS / 1000} s`);
    }
    await settle(api, scene, progress);
    progress.line = () => "whoever waited in vain comes back once more";
    await comeBack(scene, async () => {
      const outcome = await api.ledger();
      return outcome.ok ? outcome.value.available : 0;
    });
    const ledger = await settle(api, scene, progress);
    const postgres = sale.databaseUrl === undefined ? null : await readPostgres(sale.databaseUrl, product);
    const evidence: Evidence = { record, stock: sale.stock, perBuyerLimit: PER_BUYER_LIMIT, ledger, postgres };
    return report(sale, buyers, evidence, http, (performance.now() - began) / 1000);
  } finally {
    http.close();
  }
}

async function openRound(api: SaleApi, sale: Sale, record: SaleRecord, clock: GatewayClock): Promise<Scene> {
  const opensAt = Math.round(clock.now() + OPENS_AFTER_MS + sale.buyers * OPENS_AFTER_PER_BUYER_MS);
  const outcome = await api.configure({
    title: "Rush",
    price: 100,
    currency: "USD",
    stock: sale.stock,
    opensAt,
    closesAt: opensAt + OPEN_FOR_MS,
    perBuyerLimit: PER_BUYER_LIMIT,
    holdSeconds: HOLD_SECONDS,
  });
  if (!outcome.ok)
    throw new StartError(`Cannot create the product: the gateway answers ${outcome.code} (${outcome.status})`);
  return { api, record, ...clock, opensAt, patienceEndsAt: opensAt + PATIENCE_MS, waiting: [] };
}

/** The ledger once nothing is held and nothing pending; as it is then, if that takes too long. */
async function settle(api: SaleApi, scene: Scene, progress: Progress): Promise<LedgerDocument> {
  const deadline = scene.now() + HOLD_SECONDS * 1000 + SETTLE_WITHIN_MS;
  for (;;) {
    const outcome = await api.ledger();
    if (outcome.ok) {
      const { held, outbox } = outcome.value;
      progress.line = () => `${held} units still held, ${outbox.pending} events on their way to Postgres`;
      if ((held === 0 && outbox.pending === 0) || scene.now() > deadline) return outcome.value;
    } else if (scene.now() > deadline)
      throw new StartError(`The ledger cannot be read: the gateway answers ${outcome.code}`);
    await sleep(SETTLE_POLL_MS);
  }
}

function tellProgress(scene: Scene, ended: number, sale: Sale, requests: number): string {
  const sinceOpening = (scene.now() - scene.opensAt) / 1000;
  const holds = scene.record.orders.size;
  const paid = [...scene.record.orders.values()].filter(({ status }) => status === "paid").length;
  const when = sinceOpening < 0 ? `opens in ${(-sinceOpening).toFixed(1)} s` : `open for ${sinceOpening.toFixed(1)} s`;
  return `${when}: ${requests} requests, ${holds} holds, ${paid} of them paid, ${ended} of ${sale.buyers} buyers done`;
}

function report(sale: Sale, buyers: readonly Buyer[], evidence: Evidence, http: HttpClient, seconds: number): Report {
  const { ledger, record, postgres } = evidence;
  const promises = judge(evidence);
  const kinds: Record<string, number> = {};
  for (const { kind } of buyers) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return {
    buyers: sale.buyers,
    kinds,
    stock: sale.stock,
    seed: sale.seed,
    seconds: Math.round(seconds * 10) / 10,
    requests: http.requests,
    sold: { paid: ledger.paid, held: ledger.held, available: ledger.available },
    orders: ledger.orders,
    refused: sortRefusals(record),
    latencies: summarizeLatencies(http.latencies),
    comparedWithPostgres: postgres !== null,
    promises,
    kept: promises.every(({ kept }) => kept),
  };
}

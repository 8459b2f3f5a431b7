/** One profile against one gateway: opens a round, lets both sides play, waits for the stock, gathers the evidence. */
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { StartError } from "../gateway/start-error.ts";
import { readClock } from "../rush/clock.ts";
import { HttpClient } from "../rush/http.ts";
import { type LedgerDocument, SaleApi } from "../rush/sale-api.ts";
import type { Progress } from "../rush/sale.ts";
import { signIn } from "../rush/sign-in.ts";
import { castCrowd, type Crowd } from "./cast.ts";
import { COSTS_PATH, type Costs, costsDocument, type Side, SIDE_HEADER } from "./cost/cost.ts";
import { type Defences, rulesOf } from "./defences.ts";
import { playHonest } from "./honest.ts";
import { type LapseWatch, watchLapses } from "./lapses.ts";
import { type Figures, judgeAttack } from "./judge.ts";
import type { AttackOptions } from "./options.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";
import { newAttackRecord } from "./record.ts";
import type { Scene, SignedAccount } from "./scene.ts";
import { Farm } from "./work/farm.ts";
import type { Puzzles } from "./work/puzzles.ts";
import { warmUp } from "./warm-up.ts";

export interface Battle {
  readonly profile: ProfileName;
  readonly defences: Defences;
  readonly options: Pick<AttackOptions, "honest" | "attackers" | "stock" | "seed" | "farmCores">;
}

export interface Battlefield {
  readonly url: string;
  readonly adminToken: string;
  readonly webhookSecrets: string;
  readonly puzzles: Puzzles;
}

const PRODUCT = "attacked";
const WARM_UP_PRODUCT = "warm-up";
/** Every browser and every bot has connections of its own; neither side may wait for one behind the other or itself. */
const HONEST_CONNECTIONS = 256;
const ATTACKER_CONNECTIONS = 256;
const OTHER_CONNECTIONS = 64;
/** What both sides send beside their own: attackers pose as browsers, which is easy. */
const BROWSER_HEADERS = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Accept-Language": "en",
  "Accept-Encoding": "identity",
  "Sec-Fetch-Site": "same-origin",
  "Sec-Fetch-Mode": "cors",
};
/** A few rented machines. */
const FARM_CORES = 8;
/** For the early ones to come before the opening. */
const OPENS_AFTER_MS = 2500;
/** How long attackers go on after the opening: two short holds, and some. */
const ATTACK_MS = 12_000;
/** How long honest buyers wait after the opening for units to come back: until the attack is over, and one hold more. */
const PATIENCE_MS = 20_000;
const OPEN_FOR_MS = 10 * 60 * 1000;
/** The attackers' requests, all together: what one generator sends in the time above without holding up the honest. */
const REQUESTS_MAX = 12_000;
/** Longer than a short hold: who holds longer is not waited for. */
const STOCK_BACK_WITHIN_MS = 8000;
const DELIVERED_WITHIN_MS = 15_000;
const WATCH_EVERY_MS = 200;
/** Bounds a gateway that hangs; everything else is bounded above. */
const PLAY_WITHIN_MS = 90_000;

/** @throws StartError when the gateway cannot be used, or does not come to an end. */
export async function fight(battle: Battle, field: Battlefield, progress: Progress): Promise<Figures> {
  const { profile: name, defences, options } = battle;
  const profile = PROFILES[name];
  const stock = profile.stock?.(options) ?? options.stock;
  const crowd = castCrowd(profile.shape(options), options.seed);
  const clients = {
    honest: clientOf(field, "honest", HONEST_CONNECTIONS),
    attacker: clientOf(field, "attacker", ATTACKER_CONNECTIONS),
    other: clientOf(field, "other", OTHER_CONNECTIONS),
  };
  const api = (http: HttpClient): SaleApi => new SaleApi(http, PRODUCT, field.adminToken, field.webhookSecrets);
  const apis = { honest: api(clients.honest), attacker: api(clients.attacker), other: api(clients.other) };
  let lapses: LapseWatch | undefined;
  try {
    progress.line = () => "warming up and signing both sides in";
    const { challenges } = rulesOf(defences, stock);
    await warmUp(new SaleApi(clients.other, WARM_UP_PRODUCT, field.adminToken, field.webhookSecrets), challenges);
    const [honestJwts, accountJwts] = [
      await signIn(apis.other, crowd.honest),
      await signIn(apis.other, crowd.accounts),
    ];
    const accounts = crowd.accounts.map((account, index) => ({ ...account, jwt: accountJwts[index] ?? "" }));
    const farm = new Farm(options.farmCores ?? profile.farmCores ?? FARM_CORES);
    const cast = { crowd, accounts, stock, defences, farm, puzzles: field.puzzles };
    const scene = await openRound(apis, clients.attacker, cast);
    progress.line = () => tellProgress(scene, clients);
    lapses = watchLapses(() => readLedger(scene), scene.now);
    await bounded(
      Promise.all([
        profile.attack(scene),
        ...crowd.honest.map((buyer, index) => playHonest(buyer, honestJwts[index] ?? "", scene)),
      ]),
    );
    const stockBackAt = await untilStockIsBack(scene, lapses, progress);
    const ledger = await untilDelivered(scene, progress);
    return judgeAttack({
      profile: name,
      defences,
      accounts: accounts.length,
      stock,
      perBuyerLimit: scene.perBuyerLimit,
      record: scene.record,
      costs: await readCosts(clients.other),
      honestLatencies: ["token", "checkout"].flatMap((label) => clients.honest.latencies.get(label) ?? []),
      opensAt: scene.opensAt,
      attackEndsAt: scene.attackEndsAt,
      stockBackAt,
      ledger,
    });
  } finally {
    lapses?.stop();
    for (const client of Object.values(clients)) client.close();
  }
}

function clientOf({ url }: Battlefield, side: Side, connections: number): HttpClient {
  return new HttpClient(url, connections, { ...BROWSER_HEADERS, [SIDE_HEADER]: side });
}

interface Cast {
  readonly crowd: Crowd;
  readonly accounts: readonly SignedAccount[];
  readonly stock: number;
  readonly defences: Defences;
  readonly farm: Farm;
  readonly puzzles: Puzzles;
}

async function openRound(
  apis: Pick<Scene, "honest" | "attacker" | "other">,
  attackerHttp: HttpClient,
  { crowd, accounts, stock, defences, farm, puzzles }: Cast,
): Promise<Scene> {
  const clock = await readClock(apis.other);
  const opensAt = Math.round(clock.now() + OPENS_AFTER_MS);
  const { perBuyerLimit, holdSeconds, challenges } = rulesOf(defences, stock);
  const outcome = await apis.other.configure({
    title: "Attacked",
    price: 100,
    currency: "USD",
    stock,
    opensAt,
    closesAt: opensAt + OPEN_FOR_MS,
    perBuyerLimit,
    holdSeconds,
    challenges,
  });
  if (!outcome.ok) throw new StartError(`Cannot create the product: the gateway answers ${outcome.code}`);
  const attackEndsAt = opensAt + ATTACK_MS;
  let budget = REQUESTS_MAX;
  return {
    ...apis,
    ...clock,
    attackerHttp,
    product: PRODUCT,
    stock,
    perBuyerLimit,
    crowd,
    accounts,
    farm,
    puzzles,
    record: newAttackRecord(),
    opensAt,
    attackEndsAt,
    patienceEndsAt: opensAt + PATIENCE_MS,
    mayAttack: () => budget-- > 0 && clock.now() < attackEndsAt,
  };
}

async function bounded(playing: Promise<unknown>): Promise<void> {
  const late = sleep(PLAY_WITHIN_MS, "late" as const, { ref: false });
  if ((await Promise.race([playing, late])) === "late") {
    throw new StartError(`The sale did not come to an end within ${PLAY_WITHIN_MS / 1000} s`);
  }
}

/** When all unpaid holds of the attackers were seen to be over; null if that takes too long. Honest holds do not lapse. */
async function untilStockIsBack(scene: Scene, lapses: LapseWatch, progress: Progress): Promise<number | null> {
  const unpaid = [...scene.record.seizures.values()].filter(({ paid }) => !paid);
  const deadline = Math.max(0, ...unpaid.map(({ heldAt }) => heldAt)) + STOCK_BACK_WITHIN_MS;
  for (;;) {
    const expired = await lapses.look();
    if (expired >= unpaid.length) return lapses.firstWith(unpaid.length);
    if (scene.now() > deadline) return null;
    progress.line = () => `${unpaid.length - expired} of the attackers' holds go on`;
    await sleep(WATCH_EVERY_MS);
  }
}

/** The ledger once no event is on its way, so that all messages are counted; as it is then, if that takes too long. */
async function untilDelivered(scene: Scene, progress: Progress): Promise<LedgerDocument> {
  const deadline = scene.now() + DELIVERED_WITHIN_MS;
  for (;;) {
    const ledger = await readLedger(scene);
    if (ledger.outbox.pending === 0 || scene.now() > deadline) return ledger;
    progress.line = () => `${ledger.outbox.pending} events on their way`;
    await sleep(WATCH_EVERY_MS);
  }
}

async function readLedger(scene: Scene): Promise<LedgerDocument> {
  const outcome = await scene.other.ledger();
  if (!outcome.ok) throw new StartError(`The ledger cannot be read: the gateway answers ${outcome.code}`);
  return outcome.value;
}

async function readCosts(http: HttpClient): Promise<Costs> {
  const answer = await http.send({ method: "GET", path: COSTS_PATH, label: "costs" });
  return v.parse(costsDocument, answer.body);
}

function tellProgress(scene: Scene, clients: Readonly<Record<"honest" | "attacker", HttpClient>>): string {
  const seconds = (scene.now() - scene.opensAt) / 1000;
  const when = seconds < 0 ? `opens in ${(-seconds).toFixed(1)} s` : `open for ${seconds.toFixed(1)} s`;
  const bought = scene.record.journeys.filter((journey) => journey.bought).length;
  return `${when}: attackers ${clients.attacker.requests} requests, ${scene.record.seizures.size} orders; honest ${clients.honest.requests} requests, ${bought} bought`;
}

/** What each kind of buyer does, from its first look at the page to its last word. Writes what it sees into the record. */
import { setTimeout as sleep } from "node:timers/promises";
import { REFUSALS } from "../../src/refusal.ts";
import type { Buyer } from "./cast.ts";
import { ownAddress } from "./cast.ts";
import type { GatewayClock } from "./clock.ts";
import { count, type SaleRecord } from "./record.ts";
import type { IssuedToken, Outcome, PlacedOrder, Refused, SaleApi } from "./sale-api.ts";
import { comesBackAt, WORTH_WAITING } from "./patience.ts";
import { respellings } from "./respelling.ts";

export interface Scene extends GatewayClock {
  readonly api: SaleApi;
  readonly record: SaleRecord;
  readonly opensAt: number;
  /** When nobody waits any longer, by the gateway's clock. */
  readonly patienceEndsAt: number;
  /** Who would still buy, and was told to wait until the patience was over. */
  readonly waiting: Waiting[];
}

export interface Waiting {
  readonly buyer: Buyer;
  readonly jwt: string;
}

/** How often a buyer asks again when everything is held, or the gateway is busy. */
const ATTEMPTS = 7;
/** A crowd that is told the same moment spreads itself over so many milliseconds. */
const SPREAD_MS = 300;
/** Early birds come so many times within so long before the opening. */
const EARLY_VISITS = 3;
const EARLY_WITHIN_MS = 1200;
/** How long an honest buyer takes to pay, and how long after the hold's end a late one does, at most, in milliseconds. */
const PAYS_WITHIN_MS = 400;
const LATE_BY_MS = 600;
/** Nobody competes any more: a few seconds are for a gateway that is busy. */
const COMES_BACK_FOR_MS = 5000;
/** An address far from any buyer's: a replayer's second home. */
const ELSEWHERE = 9_000_000;

/** Runs the buyer to its end. */
export async function play(buyer: Buyer, jwt: string, scene: Scene): Promise<void> {
  const page = scene.now();
  await until(scene, page + (scene.opensAt - EARLY_WITHIN_MS - page) * buyer.chance);
  await lookAtThePage(buyer, scene);
  if (buyer.kind === "early-bird") await comeEarly(buyer, jwt, scene);
  await until(scene, scene.opensAt + buyer.clicksAfterMs);
  const bought = await buy(buyer, jwt, scene);
  if (bought !== undefined) await afterwards(buyer, jwt, scene, bought);
}

interface Bought {
  readonly issued: IssuedToken;
  readonly order: PlacedOrder;
}

async function buy(buyer: Buyer, jwt: string, scene: Scene): Promise<Bought | undefined> {
  let issued: IssuedToken | undefined;
  let refused: Refused | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (issued === undefined) {
      const outcome = await scene.api.token(buyer.address, jwt);
      if (outcome.ok) {
        issued = outcome.value;
        noteToken(buyer, scene);
      } else refused = note(outcome, scene);
    }
    if (issued !== undefined) {
      const outcome = await clickCheckout(buyer, issued, scene);
      if (outcome.ok) return { issued, order: outcome.value };
      refused = outcome;
    }
    if (refused === undefined || !(await waitFor(refused, buyer, scene))) break;
  }
  if (waits(buyer) && refused?.code !== "rate-limited") scene.waiting.push({ buyer, jwt });
  return undefined;
}

/**
 * After the last hold ended: whoever waited in vain comes once more, one after the other, as long as units are there.
 * On a slow machine the patience ends before the units are back; that nobody came again is no unit withheld.
 */
export async function comeBack(scene: Scene, available: () => Promise<number>): Promise<void> {
  let left = await available();
  for (const { buyer, jwt } of scene.waiting.splice(0)) {
    const patient = { ...scene, patienceEndsAt: scene.now() + COMES_BACK_FOR_MS };
    const bought = buyer.quantity <= left ? await buy(buyer, jwt, patient) : undefined;
    if (bought === undefined) {
      scene.record.wentWithout.push(buyer.quantity);
      continue;
    }
    await pay(bought.order.orderId, scene);
    left = await available();
  }
  scene.waiting.length = 0;
}

/** One checkout, or two at once where the buyer double-clicks. */
async function clickCheckout(buyer: Buyer, issued: IssuedToken, scene: Scene): Promise<Outcome<PlacedOrder>> {
  const click = async (): Promise<Outcome<PlacedOrder>> => {
    const outcome = await scene.api.checkout(buyer.address, issued.checkoutUrl, issued.token, buyer.quantity);
    if (outcome.ok) noteOrder(buyer, outcome.status, outcome.value, scene);
    else note(outcome, scene);
    return outcome;
  };
  if (buyer.kind !== "double-clicker") return click();
  const [first, second] = await Promise.all([click(), click()]);
  return second.ok ? second : first;
}

/** What the buyer does with its hold. */
async function afterwards(buyer: Buyer, jwt: string, scene: Scene, bought: Bought): Promise<void> {
  const { orderId, holdExpiresAt } = bought.order;
  switch (buyer.kind) {
    case "never-payer":
      return;
    case "canceller": {
      const outcome = await scene.api.cancel(buyer.address, jwt, orderId);
      if (outcome.ok) noteStatus(orderId, outcome.value.status, scene);
      else note(outcome, scene);
      return;
    }
    case "late-payer":
      await until(scene, (holdExpiresAt ?? scene.now()) + buyer.chance * LATE_BY_MS);
      return pay(orderId, scene);
    case "replayer":
      await Promise.all([replay(buyer, bought, scene), pay(orderId, scene)]);
      return replay(buyer, bought, scene);
    case "honest":
    case "double-clicker":
    case "early-bird":
    case "sharer":
      await sleep(buyer.chance * PAYS_WITHIN_MS);
      return pay(orderId, scene);
  }
}

/** The payment as the origin tells it; a lost answer is asked for again, under the same payment id. */
async function pay(orderId: string, scene: Scene): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await scene.api.pay(orderId, `pay-${orderId}`);
    if (outcome.ok) return noteStatus(orderId, outcome.value.status, scene);
    note(outcome, scene);
    if (!WORTH_WAITING.has(outcome.code)) return;
    await sleep(outcome.retryAfterMs);
  }
}

/** The token once more: as it is, from elsewhere, in other spellings, and with another body. */
async function replay(buyer: Buyer, { issued, order }: Bought, scene: Scene): Promise<void> {
  const elsewhere = ownAddress(ELSEWHERE + Math.floor(buyer.chance * 1000));
  for (const address of [buyer.address, elsewhere]) {
    const again = await scene.api.checkout(address, issued.checkoutUrl, issued.token, order.quantity);
    if (again.ok) noteOrder(buyer, again.status, again.value, scene);
    else note(again, scene);
  }
  const odd = [
    ...respellings(issued.token).map((token) => ({ token, quantity: order.quantity })),
    { token: issued.token, quantity: order.quantity + 1 },
  ];
  for (const { token, quantity } of odd) {
    const answer = await scene.api.checkout(elsewhere, issued.checkoutUrl, token, quantity);
    scene.record.respelt++;
    if (!answer.ok) note(answer, scene);
    else {
      scene.record.respeltAccepted++;
      noteOrder(buyer, answer.status, answer.value, scene);
    }
  }
}

async function lookAtThePage(buyer: Buyer, scene: Scene): Promise<void> {
  const answer = await scene.api.product(buyer.address);
  const text = JSON.stringify(answer.body ?? null);
  if (answer.status !== 200) count(scene.record.unexpected, `product page: ${answer.status}`);
  if (isTooSoon(scene) && /tokenUrl|checkout|gate/.test(text))
    scene.record.tooSoon.push("product document with an address");
}

async function comeEarly(buyer: Buyer, jwt: string, scene: Scene): Promise<void> {
  for (let visit = 0; visit < EARLY_VISITS; visit++) {
    const share = (visit + buyer.chance) / EARLY_VISITS;
    await until(scene, scene.opensAt - EARLY_WITHIN_MS * (1 - share));
    if (!isTooSoon(scene)) return;
    const outcomes = [
      await scene.api.token(buyer.address, jwt),
      await scene.api.guessGate(buyer.address, `guess${Math.floor(buyer.chance * 1e9)}`),
    ];
    for (const outcome of outcomes) {
      if (!outcome.ok) {
        if (outcome.status < 500) scene.record.earlyRefused++;
        note(outcome, scene);
      } else if (isTooSoon(scene)) scene.record.tooSoon.push(`${outcome.status} before the opening`);
    }
  }
}

/** Whether the buyer waits and asks again, and has now done so. */
async function waitFor(refused: Refused, buyer: Buyer, scene: Scene): Promise<boolean> {
  if (!WORTH_WAITING.has(refused.code)) return false;
  if (refused.code === "held-out" && !waits(buyer)) return false;
  const at = comesBackAt(refused, scene.now());
  const spread = Math.random() * SPREAD_MS; // not seeded: which of them comes first is a race anyway
  if (at > scene.patienceEndsAt) return false;
  await until(scene, at + spread);
  return true;
}

/** Who means to pay waits for units to come back; the others take what they get. */
function waits(buyer: Buyer): boolean {
  return buyer.kind !== "never-payer" && buyer.kind !== "late-payer" && buyer.kind !== "canceller";
}

function isTooSoon(scene: Scene): boolean {
  return scene.now() + scene.nowErrorMs < scene.opensAt;
}

async function until(scene: Scene, at: number): Promise<void> {
  const ms = at - scene.now();
  if (ms > 0) await sleep(ms);
}

function noteToken(buyer: Buyer, scene: Scene): void {
  if (isTooSoon(scene)) scene.record.tooSoon.push("purchase token");
  if (buyer.kind === "sharer") scene.record.sharedTokensAt.push(Date.now());
}

function noteOrder(buyer: Buyer, status: number, order: PlacedOrder, scene: Scene): void {
  const { orders } = scene.record;
  let seen = orders.get(order.orderId);
  if (seen === undefined) {
    seen = {
      orderId: order.orderId,
      buyerId: buyer.id,
      quantity: order.quantity,
      tokenId: buyer.id, // a buyer asks for one token and keeps it
      accepted: 0,
      replayed: 0,
      status: order.status,
    };
    orders.set(order.orderId, seen);
  }
  if (isTooSoon(scene)) scene.record.tooSoon.push("hold");
  if (status === 202) seen.accepted++;
  else seen.replayed++;
}

function noteStatus(orderId: string, status: string, scene: Scene): void {
  const seen = scene.record.orders.get(orderId);
  if (seen !== undefined) seen.status = status;
}

/** Counts a refusal; one that the contract does not know with this status is unexpected. */
function note(refused: Refused, scene: Scene): Refused {
  count(scene.record.refusals, refused.code);
  const known = Object.entries(REFUSALS).some(
    ([code, { status }]) => code === refused.code && status === refused.status,
  );
  if (!known) count(scene.record.unexpected, `${refused.code} (${refused.status})`);
  return refused;
}

/**
 * An honest buyer and his page: looks at it, clicks once after the opening, lets the page solve what is asked, waits as he
 * is told to, thinks, and pays. The page does what client/purchase.ts does: it asks for a token when the button is pressed
 * (there is nothing to solve before, as challenges are made once the round is open), solves, and asks again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { comesBackAt, WORTH_WAITING } from "../rush/patience.ts";
import type { IssuedToken, Outcome, PlacedOrder } from "../rush/sale-api.ts";
import type { HonestBuyer } from "./cast.ts";
import { pay } from "./payment.ts";
import { type Journey, newJourney, noteRefusal, noteWork } from "./record.ts";
import { type Scene, until } from "./scene.ts";
import { coreTrialMs } from "./work/devices.ts";
import { type Proof, solveProof } from "./work/proof.ts";

/** Pages are opened within so long before the opening, in milliseconds. */
const ARRIVES_WITHIN_MS = 1500;
/** Those who are told the same moment spread themselves over so many milliseconds, as the client library does. */
const SPREAD_MS = 300;
/** Proofs that a page solves for one click: a second one where more is asked by then (client/purchase.ts). */
const PROOFS_MAX = 2;
/** Against a gateway that refuses at once and for ever; patience ends most waits before. */
const ATTEMPTS_MAX = 20;

/** Plays the buyer to its end, and writes its journey into the record. */
export async function playHonest(buyer: HonestBuyer, jwt: string, scene: Scene): Promise<void> {
  const journey = newJourney(buyer.id);
  scene.record.journeys.push(journey);
  await until(scene, scene.opensAt - ARRIVES_WITHIN_MS * buyer.chance);
  await scene.honest.product(buyer.address);
  await until(scene, scene.opensAt + buyer.clicksAfterMs);
  const clickedAt = performance.now();
  const order = await buy(buyer, jwt, scene, journey);
  if (order === undefined) return;
  journey.clickToOrderMs = performance.now() - clickedAt;
  await sleep(buyer.paysAfterMs);
  const status = await pay(scene, order.orderId);
  journey.bought = status === "paid";
  journey.endedBy = journey.bought ? null : status;
}

async function buy(buyer: HonestBuyer, jwt: string, scene: Scene, journey: Journey): Promise<PlacedOrder | undefined> {
  let issued: IssuedToken | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const outcome: Outcome<IssuedToken | PlacedOrder> =
      issued === undefined
        ? await obtainToken(buyer, jwt, scene, journey)
        : await scene.honest.checkout(buyer.address, issued.checkoutUrl, issued.token, 1);
    if (!outcome.ok) {
      noteRefusal(journey, outcome);
      if (outcome.code === "token-expired") issued = undefined;
      else if (!WORTH_WAITING.has(outcome.code)) return undefined;
      const at = comesBackAt(outcome, scene.now());
      if (at > scene.patienceEndsAt) return undefined;
      await until(scene, at + buyer.chance * SPREAD_MS);
    } else if ("token" in outcome.value) issued = outcome.value as IssuedToken;
    else return outcome.value;
  }
  return undefined;
}

/** To be asked for a proof is no refusal: the page solves it, and the buyer only waits for his device. */
async function obtainToken(
  buyer: HonestBuyer,
  jwt: string,
  scene: Scene,
  journey: Journey,
): Promise<Outcome<IssuedToken>> {
  let outcome = await scene.honest.token(buyer.address, jwt);
  for (let solved = 0; solved < PROOFS_MAX && !outcome.ok && outcome.code === "challenge-required"; solved++) {
    const answer = await solveOnDevice(buyer, outcome.fields["challenge"], scene, journey);
    outcome = await scene.honest.token(buyer.address, jwt, answer);
  }
  return outcome;
}

async function solveOnDevice(
  buyer: HonestBuyer,
  challenge: unknown,
  scene: Scene,
  journey: Journey,
): Promise<Proof["answer"]> {
  const began = performance.now();
  const { puzzles, record } = scene;
  const proof = await solveProof(challenge);
  const trials = proof.trials * puzzles.fullTrials;
  const deviceMs = trials * coreTrialMs(puzzles.fullIterations) * buyer.deviceTimes;
  noteWork(record.devices, trials, deviceMs);
  journey.deviceMs += deviceMs;
  await sleep(Math.max(0, deviceMs - (performance.now() - began)));
  return proof.answer;
}

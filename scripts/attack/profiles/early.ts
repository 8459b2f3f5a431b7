/** Attackers who are there before the round opens: they look for its gate, guess it, and are the first when it opens. */
import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../../rush/record.ts";
import { askForToken, holdAndPay } from "../attacker.ts";
import { isTooSoon, type Scene, type SignedAccount, until } from "../scene.ts";

/** Each account comes so often within so long before the opening. */
const WITHIN_MS = 1500;
const VISITS_MAX = 5;
/** From one visit to the next: together below what would make the opening itself a test of two cores. In milliseconds. */
const VISIT_EVERY_MS = 300;

export async function comeEarly(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt - WITHIN_MS);
  await Promise.all(
    scene.accounts.map(async (account, index) => {
      for (let visit = 0; visit < VISITS_MAX && isTooSoon(scene); visit++) {
        await tryEverything(scene, account, `guess-${index}-${visit}`);
        await sleep(VISIT_EVERY_MS);
      }
      await holdAndPay(scene, account, 1);
    }),
  );
}

async function tryEverything(scene: Scene, account: SignedAccount, gate: string): Promise<void> {
  await askForToken(scene, account, account.address);
  if (!scene.mayAttack()) return;
  const guessed = await scene.attacker.guessGate(account.address, gate);
  if (guessed.ok) count(scene.record.breaches, "an order by a guessed gate");
  else count(scene.record.attackersRefused, guessed.code);
  if (!scene.mayAttack()) return;
  const page = await scene.attacker.product(account.address);
  if (isTooSoon(scene) && /tokenUrl|checkout|gate/.test(JSON.stringify(page.body ?? null))) {
    count(scene.record.breaches, "an address of the sale before the opening");
  }
}

/** Attackers who only want more than their share, by number and by speed. */
import { holdAndPay } from "../attacker.ts";
import { type Scene, until } from "../scene.ts";

/** Requests of one account that are on their way at once. */
const AT_ONCE = 32;
/** As many as the round allows, in orders that do not stand out by their size. */
const UNITS_PER_ORDER = 10;
/** Machines begin a little too early: a lost request costs them nothing. In milliseconds. */
const BEGINS_BEFORE_MS = 200;

/** One account from all the addresses, each worker with the next one, until the gateway gives it no more. */
export async function buyWithOneAccount(scene: Scene): Promise<void> {
  const [account] = scene.accounts;
  const { addresses } = scene.crowd;
  if (account === undefined) return;
  let turn = 0;
  const nextAddress = (): string => addresses[turn++ % addresses.length] ?? account.address;
  await until(scene, scene.opensAt - BEGINS_BEFORE_MS);
  const quantity = Math.min(scene.perBuyerLimit, UNITS_PER_ORDER);
  const work = async (): Promise<void> => {
    while (await holdAndPay(scene, account, quantity, nextAddress)) {
      // Again, until it is refused for good.
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Over so long after the opening, so that what is known of their address changes while others solve. In milliseconds. */
const TRICKLE_MS = 3000;

/** Every account one order, each at its own moment among the honest buyers' clicks. */
export async function trickleIn(scene: Scene): Promise<void> {
  const { accounts, opensAt } = scene;
  await Promise.all(
    accounts.map(async (account, index) => {
      await until(scene, opensAt + (TRICKLE_MS * index) / accounts.length);
      await holdAndPay(scene, account, 1);
    }),
  );
}

/** Every account one order of one unit, from its own address (which may be the same for all). */
export async function buyWithEveryAccount(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt - BEGINS_BEFORE_MS);
  await Promise.all(scene.accounts.map((account) => holdAndPay(scene, account, 1)));
}

/** Attackers who make the most of a token: sent again and again, from elsewhere, spelt otherwise; or sold. */
import { count } from "../../rush/record.ts";
import { respellings } from "../../rush/respelling.ts";
import type { IssuedToken, PlacedOrder } from "../../rush/sale-api.ts";
import { grabToken, payFor, spend } from "../attacker.ts";
import { type Scene, until } from "../scene.ts";

/** The same token from so many addresses at once. */
const REPLAYS = 8;

/** Every second account uses its token itself, the others sell theirs. */
export async function replay(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt);
  await Promise.all(
    scene.accounts.map(async (account, index) => {
      const outcome = await grabToken(scene, account);
      if (outcome === null || !outcome.ok) return;
      const sold = index % 2 === 1;
      // Whoever bought the token has nothing but the token: another address, no identity.
      const address = sold ? elsewhere(scene, index) : account.address;
      const first = await spend(scene, outcome.value, address, 1);
      if (first === null || !first.ok) return;
      if (sold) count(scene.record.notes, "sold tokens that made an order for their holder");
      await Promise.all([payFor(scene, first.value), sendAgain(scene, outcome.value, first.value, index)]);
      await sendAgain(scene, outcome.value, first.value, index);
    }),
  );
}

function elsewhere(scene: Scene, index: number): string {
  const { addresses } = scene.crowd;
  return addresses[(index + 1) % addresses.length] ?? "";
}

async function sendAgain(scene: Scene, issued: IssuedToken, order: PlacedOrder, index: number): Promise<void> {
  await Promise.all(
    Array.from({ length: REPLAYS }, async (_, turn) => {
      const again = await spend(scene, issued, elsewhere(scene, index + turn), 1);
      if (again?.ok !== true) return;
      const isSame = again.value.orderId === order.orderId;
      count(
        isSame ? scene.record.notes : scene.record.breaches,
        isSame ? "replays that found their order" : "a second order by a replay",
      );
    }),
  );
  const odd = [
    ...respellings(issued.token).map((token) => ({ token, quantity: 1 })),
    { token: issued.token, quantity: 2 },
  ];
  for (const { token, quantity } of odd) {
    const again = await spend(scene, { ...issued, token }, elsewhere(scene, index), quantity);
    if (again?.ok === true) count(scene.record.breaches, "a respelt or changed request that was taken");
  }
}

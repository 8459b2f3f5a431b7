/** Attackers who hold and never pay, so that nobody else gets a unit; each comes back when its hold ends. */
import { tryToHold } from "../attacker.ts";
import { type Scene, until } from "../scene.ts";

/** How early before its hold ends a hoarder is back, in milliseconds. */
const BACK_BEFORE_MS = 20;

export async function hoard(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt);
  await Promise.all(
    scene.accounts.map(async (account) => {
      for (;;) {
        const order = await tryToHold(scene, account, 1);
        if (order === undefined) return;
        const backAt = (order.holdExpiresAt ?? scene.now()) - BACK_BEFORE_MS;
        if (backAt > scene.attackEndsAt) return;
        await until(scene, backAt);
      }
    }),
  );
}

/**
 * Wakes what a busy gateway has awake: before the sale, buyers of their own take tokens of another product, so that both
 * sides meet limiter objects whose files are open. Otherwise the first second measures this machine's disk.
 */
import { StartError } from "../gateway/start-error.ts";
import { ownAddress } from "../rush/cast.ts";
import type { SaleApi } from "../rush/sale-api.ts";
import { signIn } from "../rush/sign-in.ts";

/** As many as reach nearly every shard of the limiters, by their buyers and by their addresses. */
const BUYERS = 160;
/** Far behind both sides' addresses. */
const FIRST_ADDRESS = 2_000_000;
const OPEN_FOR_MS = 60 * 1000;

/** @param api of a product that is not the attacked one. */
export async function warmUp(api: SaleApi): Promise<void> {
  const now = Date.now();
  const outcome = await api.configure({
    title: "Warm-up",
    price: 1,
    currency: "USD",
    stock: 1,
    opensAt: now,
    closesAt: now + OPEN_FOR_MS,
    perBuyerLimit: 1,
    holdSeconds: 1,
  });
  if (!outcome.ok) throw new StartError(`Cannot create the product: the gateway answers ${outcome.code}`);
  const buyers = Array.from({ length: BUYERS }, (_, index) => ({
    id: `warm-up-${index}`,
    address: ownAddress(FIRST_ADDRESS + index),
  }));
  const jwts = await signIn(api, buyers);
  await Promise.all(buyers.map(({ address }, index) => api.token(address, jwts[index] ?? "")));
}

/**
 * Wakes what a busy gateway has awake: before the sale, buyers of their own ask for tokens of another product, so that both
 * sides meet limiter objects whose files are open. Otherwise the first second measures this machine's disk.
 *
 * Most of them ask with a body that is refused behind the limits: what reaches the challenges raises the pressure by which
 * their difficulty is drawn, and the sale has to begin with none. A few go all the way, solving what is asked.
 */
import { StartError } from "../gateway/start-error.ts";
import { ownAddress } from "../rush/cast.ts";
import type { SaleApi } from "../rush/sale-api.ts";
import { signIn } from "../rush/sign-in.ts";
import { solveProof } from "./work/proof.ts";

/** As many as reach nearly every shard of the limiters, by their buyers and by their addresses. */
const BUYERS = 160;
/** Those who go all the way. */
const WHOLE_WAY = 8;
/** Far behind both sides' addresses. */
const FIRST_ADDRESS = 2_000_000;
const OPEN_FOR_MS = 60 * 1000;
/** An answer of no kind. */
const REFUSED_ANSWER = { kind: "warm-up" };

/** @param api of a product that is not the attacked one. */
export async function warmUp(api: SaleApi, challenges: readonly string[]): Promise<void> {
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
    challenges,
  });
  if (!outcome.ok) throw new StartError(`Cannot create the product: the gateway answers ${outcome.code}`);
  const buyers = Array.from({ length: BUYERS }, (_, index) => ({
    id: `warm-up-${index}`,
    address: ownAddress(FIRST_ADDRESS + index),
  }));
  const jwts = await signIn(api, buyers);
  await Promise.all(
    buyers.map(({ address }, index) => {
      const jwt = jwts[index] ?? "";
      return index < WHOLE_WAY ? takeToken(api, address, jwt) : api.token(address, jwt, REFUSED_ANSWER);
    }),
  );
}

async function takeToken(api: SaleApi, address: string, jwt: string): Promise<void> {
  const asked = await api.token(address, jwt);
  if (asked.ok || asked.code !== "challenge-required") return;
  const { answer } = await solveProof(asked.fields["challenge"]);
  await api.token(address, jwt, answer);
}

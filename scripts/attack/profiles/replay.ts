/** Attackers who make the most of a token: sent again and again, from elsewhere, spelt otherwise; or sold. */
import { count } from "../../rush/record.ts";
import { respellings } from "../../rush/respelling.ts";
import type { IssuedToken, PlacedOrder } from "../../rush/sale-api.ts";
import { askForToken, grabToken, payFor, spend } from "../attacker.ts";
import { type Scene, type SignedAccount, until } from "../scene.ts";
import type { Proof } from "../work/proof.ts";

/** The same token from so many addresses at once. */
const REPLAYS = 8;

/** Every second account uses its token itself, the others sell theirs. */
export async function replay(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt);
  await Promise.all(scene.accounts.map((account, index) => makeTheMost(scene, account, index)));
}

async function makeTheMost(scene: Scene, account: SignedAccount, index: number): Promise<void> {
  const grabbed = await grabToken(scene, account);
  if (grabbed?.outcome.ok !== true) return;
  const { value } = grabbed.outcome;
  const sold = index % 2 === 1;
  // Whoever bought the token has nothing but the token: another address, no identity.
  const address = sold ? elsewhere(scene, index) : account.address;
  const first = await spend(scene, account, value, address, 1);
  if (grabbed.proof !== null) await sendProofAgain(scene, account, grabbed.proof, index);
  if (first === null || !first.ok) return;
  if (sold) count(scene.record.notes, "sold tokens that made an order for their holder");
  const again = (): Promise<void> => sendAgain(scene, account, value, first.value, index);
  await Promise.all([payFor(scene, first.value), again()]);
  await again();
}

function elsewhere(scene: Scene, index: number): string {
  const { addresses } = scene.crowd;
  return addresses[(index + 1) % addresses.length] ?? "";
}

/** A proof that was good once: for the same account, for another one, and with less work in it. */
async function sendProofAgain(scene: Scene, account: SignedAccount, proof: Proof, index: number): Promise<void> {
  const other = scene.accounts[(index + 1) % scene.accounts.length] ?? account;
  const attempts = [
    { as: account, answer: proof.answer, what: "a proof that was used" },
    ...(other === account ? [] : [{ as: other, answer: proof.answer, what: "another account's proof" }]),
    { as: account, answer: lighter(proof), what: "a proof of less work" },
  ];
  await Promise.all(
    attempts.map(async ({ as, answer, what }) => {
      const outcome = await askForToken(scene, as, as.address, answer);
      if (outcome?.ok === true) count(scene.record.breaches, `a purchase token for ${what}`);
    }),
  );
}

/** The same answer to a challenge whose work was taken out. */
function lighter({ answer }: Proof): unknown {
  const copy = structuredClone(answer) as { challenge: { parameters: { cost: number } } };
  copy.challenge.parameters.cost = 1;
  return copy;
}

async function sendAgain(
  scene: Scene,
  account: SignedAccount,
  issued: IssuedToken,
  order: PlacedOrder,
  index: number,
): Promise<void> {
  await Promise.all(
    Array.from({ length: REPLAYS }, async (_, turn) => {
      const again = await spend(scene, account, issued, elsewhere(scene, index + turn), 1);
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
    const again = await spend(scene, account, { ...issued, token }, elsewhere(scene, index), quantity);
    if (again?.ok === true) count(scene.record.breaches, "a respelt or changed request that was taken");
  }
}

/** The demo's product: there is always a round to watch, and a running one is left alone. */
import * as v from "valibot";
import { StartError } from "../gateway/start-error.ts";

export const DEMO_PRODUCT = "demo";

/** Long enough to open the page and see the countdown. */
const OPENS_AFTER_MS = 10_000;
const OPEN_FOR_MS = 60 * 60 * 1000;
const ANSWER_TIMEOUT_MS = 10_000;

const RULES = {
  title: "Kettle No. 9, matte black",
  price: 1990, // minor units: 19.90
  currency: "USD",
  stock: 100,
  perBuyerLimit: 2,
  holdSeconds: 120,
} as const;

const productDocument = v.looseObject({
  round: v.number(),
  state: v.string(),
  opensAt: v.number(),
  closesAt: v.number(),
});

export type DemoRound = v.InferOutput<typeof productDocument>;

/**
 * Begins the next round unless one is running or upcoming, and returns the round that is on.
 *
 * @param now milliseconds since the epoch.
 */
export async function ensureDemoProduct(url: string, adminToken: string, now: number): Promise<DemoRound> {
  const product = `${url}/v1/admin/products/${DEMO_PRODUCT}`;
  const headers = { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" };
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);

  const standing = await fetch(product, { headers, signal });
  if (standing.ok) {
    const document = v.parse(productDocument, await standing.json());
    if (document.state !== "closed" && document.closesAt > now) return document;
  } else if (standing.status !== 404) {
    throw new StartError(
      `Cannot read the demo product: the gateway answers ${standing.status} ${await standing.text()}`,
    );
  }

  const opensAt = now + OPENS_AFTER_MS;
  const body = JSON.stringify({ ...RULES, opensAt, closesAt: opensAt + OPEN_FOR_MS });
  const begin = (): Promise<Response> => fetch(product, { method: "PUT", headers, body, signal });
  let made = await begin();
  if (made.status === 409) {
    // The round's time is over, but somebody still holds a unit of it: an operator would close it, and so does the demo.
    await fetch(`${product}/close`, { method: "POST", headers, signal });
    made = await begin();
  }
  if (!made.ok) {
    throw new StartError(`Cannot create the demo product: the gateway answers ${made.status} ${await made.text()}`);
  }
  return v.parse(productDocument, await made.json());
}

/**
 * Lets orders leave their object as if their time had passed: the clock of this isolate is set forward while the object's alarms
 * run. Only where a gateway is measured, and nothing else is done meanwhile. Runs inside workerd.
 */
import * as v from "valibot";

export const LEAVING_PATH = "/plan/leaving";

export const leavingRequest = v.object({ product: v.string() });
/** How many alarms it took, and orders that are still there. */
export const leavingAnswer = v.object({ alarms: v.number(), stored: v.number() });
export type LeavingAnswer = v.InferOutput<typeof leavingAnswer>;

/** Beyond the round's end and the retention of wrangler.toml's example. Milliseconds. */
const LATER_MS = 7 * 24 * 3600 * 1000;
/** Steps follow one another after 100 ms (durable-objects/product/tidy.ts). */
const PAUSE_MS = 110;
/** More than orders that are measured take. */
const ALARMS_MOST = 50;

/** What this module needs of an object that orders leave. */
export interface Leaving {
  readonly alarm: () => Promise<void>;
}

/** What it needs of the object's context. */
export interface Stored {
  readonly storage: { readonly sql: { exec: (query: string) => { one(): Readonly<Record<string, unknown>> } } };
}

/** Counts the orders that the object has. To be made before the storage is metered: looking is no work of the gateway's. */
export function countOrders({ storage: { sql } }: Stored): () => number {
  const exec = sql.exec.bind(sql);
  return () => Number(exec("SELECT COUNT(*) AS orders FROM orders").one()["orders"]);
}

export async function letOrdersLeave(object: Leaving, stored: () => number): Promise<LeavingAnswer> {
  const clock = Date.now;
  Date.now = () => clock() + LATER_MS;
  try {
    let alarms = 0;
    while (stored() > 0 && alarms < ALARMS_MOST) {
      if (alarms > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await object.alarm();
      alarms++;
    }
    return { alarms, stored: stored() };
  } finally {
    Date.now = clock;
  }
}

type LeavingNamespace = { getByName(name: string): { letOrdersLeave(): Promise<LeavingAnswer> } };

export async function answerLeaving(request: Request, env: object): Promise<Response> {
  const { product } = v.parse(leavingRequest, await request.json());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the binding of wrangler.toml, with the class of the entry
  const { PRODUCT } = env as { readonly PRODUCT: LeavingNamespace };
  return Response.json(await PRODUCT.getByName(product).letOrdersLeave());
}

/** A gateway to measure on, and calls of it in numbers. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { spawnGateway } from "../../gateway/child.ts";
import { readDemoVars, requireVar } from "../../gateway/dev-vars.ts";
import { StartError } from "../../gateway/start-error.ts";
import { HttpClient } from "../../rush/http.ts";
import { SaleApi } from "../../rush/sale-api.ts";
import { leavingAnswer, LEAVING_PATH } from "./leaving.ts";

/** Calls at once: workerd is never idle. */
const AT_ONCE = 32;
const SETTLE_WITHIN_MS = 30_000;
const SETTLE_POLL_MS = 200;
const OPEN_FOR_MS = 3_600_000;

/** Gets a line for each step. */
export type Tell = (line: string) => void;

export interface Field {
  readonly http: HttpClient;
  readonly api: (product: string) => SaleApi;
}

export interface Ground {
  /** A folder, in which the gateway gets one of its own. */
  readonly state: string;
  readonly script: string;
  /** @default an embedded Postgres */
  readonly databaseUrl?: string;
}

/** Starts a gateway on a state of its own, and stops it after the work. */
export async function withGateway<Value>(
  { state, script, ...database }: Ground,
  work: (field: Field) => Promise<Value>,
): Promise<Value> {
  const vars = { ...(await readDemoVars()), CHALLENGE: EASY_CHALLENGES };
  const stateDir = await mkdtemp(join(state, "gateway-"));
  const gateway = await spawnGateway({ port: 0, stateDir, vars, script, ...database }, (text) =>
    process.stderr.write(text),
  );
  const http = new HttpClient(gateway.url, AT_ONCE);
  const secrets = [requireVar(vars, "ADMIN_TOKEN"), requireVar(vars, "ORIGIN_WEBHOOK_SECRET")] as const;
  try {
    return await work({ http, api: (product) => new SaleApi(http, product, ...secrets) });
  } finally {
    http.close();
    await gateway.stop();
  }
}

/** The gateway's own work is the same; only the solver's, which is not measured, is spared. */
const EASY_CHALLENGES = { lifetime_seconds: 120, pow: { iterations: 1000, trials_least: 10, trials_most: 10 } };

/** Runs `count` calls, so many at once; a call that returns false stops the measuring. */
export async function runCalls(
  what: string,
  count: number,
  call: (index: number) => Promise<boolean>,
  atOnce = AT_ONCE,
): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const index of indexes)
      if (!(await call(index))) throw new StartError(`A call of ${what} was not answered as expected`);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
}

/** A round that is open now. */
export async function begin(
  api: SaleApi,
  stock: number,
  holdSeconds: number,
  challenges: readonly string[] = [],
): Promise<void> {
  const opensAt = Date.now();
  const rules = {
    title: "Measured",
    price: 1,
    currency: "USD",
    stock,
    opensAt,
    perBuyerLimit: 1,
    holdSeconds,
    challenges,
  };
  const outcome = await api.configure({ ...rules, closesAt: opensAt + OPEN_FOR_MS });
  if (!outcome.ok) throw new StartError(`Cannot create a product: the gateway answers ${outcome.code}`);
}

/** The orders of the product, which are over and delivered, leave their object: all of them. */
export async function letLeave(http: HttpClient, product: string): Promise<void> {
  const request = { method: "POST", path: LEAVING_PATH, body: JSON.stringify({ product }), label: "leaving" } as const;
  const answer = await http.send(request);
  const parsed = v.safeParse(leavingAnswer, answer.body);
  if (parsed.success && parsed.output.stored === 0) return;
  throw new StartError(`The orders of ${product} did not leave their object: ${JSON.stringify(answer.body)}`);
}

/** Until Postgres has all events of the product. */
export async function untilDelivered(api: SaleApi): Promise<void> {
  await until(async () => {
    const outcome = await api.ledger();
    return outcome.ok && outcome.value.outbox.pending === 0;
  }, "The events did not reach Postgres");
}

/** @throws StartError with `otherwise` when it does not become so in time. */
export async function until(isSo: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + SETTLE_WITHIN_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new StartError(`${otherwise} within ${SETTLE_WITHIN_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }
}

/** To a tenth, as costs are written down. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/**
 * `npm run plan -- --measure`: what each operation costs on this machine, written to scripts/plan/measured-costs.json.
 *
 * CPU is that of the gateway's workerd, read from /proc around runs of many equal calls; the load comes from this process and
 * is not in it. What else runs on the machine takes time, not CPU of workerd: wall times are the lesser figures. Rows are
 * counted in a second gateway, whose storage is wrapped.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { solveChallenge } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import * as v from "valibot";
import { spawnGateway } from "../../gateway/child.ts";
import { readDemoVars, requireVar, type Vars } from "../../gateway/dev-vars.ts";
import { StartError } from "../../gateway/start-error.ts";
import { ownAddress } from "../../rush/cast.ts";
import { HttpClient } from "../../rush/http.ts";
import { type IssuedToken, SaleApi } from "../../rush/sale-api.ts";
import { signIn } from "../../rush/sign-in.ts";
import { type Measured, OWN_COSTS_PATH, parseMeasured } from "../costs.ts";
import { bundleEntries } from "./bundle.ts";
import { INNER_CALLS_PATH, innerCallsAnswer, type InnerCallsRequest } from "./inner-calls.ts";
import { cpuMicrosOf, findWorkerd } from "./process-cpu.ts";
import { type Rows, ROWS_PATH, rowsDocument } from "./rows.ts";

/** Calls of each kind: with ticks of 10 ms this makes the CPU of a call known to about two per cent. */
const READS = 8000;
const BUYERS = 3000;
const SOLVERS = 800;
/** Calls inside the gateway, in requests of so many. */
const INNER_CALLS = 6000;
const INNER_CALLS_PER_REQUEST = 1000;
/** Commits of so many holds, and batches of so many events, against single ones. */
const TOGETHER = 100;
const SINGLE_HOLDS = 1500;
const SINGLE_BATCHES = 200;
/** Calls at once: workerd is never idle. */
const AT_ONCE = 32;
/** Calls one after the other, for the time that one takes alone. */
const ALONE = 300;
const WARM_UP = 600;
const STOCK = 1_000_000;
const HOLD_SECONDS = 600;
/** For rows: few and slow is enough, the counts are exact. */
const METERED_ORDERS = 300;
const METERED_HOLD_SECONDS = 12;
const SETTLE_WITHIN_MS = 30_000;
const ADDRESSES_ELSEWHERE = 4_000_000;
const MICROS_PER_MS = 1000;

type Tell = (line: string) => void;
type Cost = Measured["costs"]["hold"];

/** Measures everything and writes the file. */
export async function measureCosts(tell: Tell): Promise<Measured> {
  const state = await mkdtemp(join(tmpdir(), "sluice-plan-"));
  try {
    tell("bundling");
    const scripts = await bundleEntries(state);
    const costs = await withGateway(state, scripts.measured, (field) => measureTimes(field, tell));
    const counted = await withGateway(state, scripts.metered, (field) => meterOrders(field, tell));
    const measured = parseMeasured({
      at: new Date().toISOString(),
      command: "npm run plan -- --measure",
      machine: {
        cpu: cpus()[0]?.model ?? "unknown",
        cores: availableParallelism(),
        kernel: release(),
        node: process.versions.node,
      },
      costs,
      ...counted,
    });
    await writeFile(OWN_COSTS_PATH, `${JSON.stringify(measured, undefined, 2)}\n`);
    return measured;
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

interface Field {
  readonly url: string;
  readonly vars: Vars;
  readonly http: HttpClient;
  readonly api: (product: string) => SaleApi;
}

async function withGateway<Value>(
  state: string,
  script: string,
  work: (field: Field) => Promise<Value>,
): Promise<Value> {
  const vars = { ...(await readDemoVars()), CHALLENGE: EASY_CHALLENGES };
  const stateDir = await mkdtemp(join(state, "gateway-"));
  const gateway = await spawnGateway({ port: 0, stateDir, vars, script }, (text) => process.stderr.write(text));
  const http = new HttpClient(gateway.url, AT_ONCE);
  const secrets = [requireVar(vars, "ADMIN_TOKEN"), requireVar(vars, "ORIGIN_WEBHOOK_SECRET")] as const;
  try {
    return await work({ url: gateway.url, vars, http, api: (product) => new SaleApi(http, product, ...secrets) });
  } finally {
    http.close();
    await gateway.stop();
  }
}

/** The gateway's own work is the same; only the solver's, which is not measured, is spared. */
const EASY_CHALLENGES = { lifetime_seconds: 120, pow: { iterations: 1000, trials_least: 10, trials_most: 10 } };

/** Runs `count` calls, some at once; a call that returns false stops the measuring. */
async function runCalls(what: string, count: number, call: (index: number) => Promise<boolean>): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const index of indexes)
      if (!(await call(index))) throw new StartError(`A call of ${what} was not answered as expected`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function measureTimes(field: Field, tell: Tell): Promise<Measured["costs"]> {
  const { http, api } = field;
  const workerd = findWorkerd();
  const open = api("measured");
  const over = api("measured-over");
  const hard = api("measured-hard");
  await begin(open, STOCK, HOLD_SECONDS);
  await begin(over, 1, HOLD_SECONDS);
  await begin(hard, STOCK, HOLD_SECONDS, ["pow"]);
  const buyers = Array.from({ length: BUYERS + ALONE + WARM_UP }, (_, index) => ({
    id: `measured-${index}`,
    address: ownAddress(index),
  }));
  tell("signing buyers in");
  const jwts = await signIn(open, buyers);
  const address = (index: number): string => buyers[index]?.address ?? "";
  const jwt = (index: number): string => jwts[index] ?? "";

  /** CPU of `count` calls together, and the median time of some alone; behind others that wake the objects and the compiler. */
  async function measure(what: string, count: number, call: (index: number) => Promise<boolean>): Promise<Cost> {
    tell(`measuring ${what}`);
    await runCalls(what, WARM_UP, (index) => call(count + ALONE + index));
    const began = cpuMicrosOf(workerd);
    await runCalls(what, count, call);
    const cpuMicros = (cpuMicrosOf(workerd) - began) / count;
    const times: number[] = [];
    for (let index = count; index < count + ALONE; index++) {
      const sentAt = performance.now();
      if (!(await call(index))) throw new StartError(`A call of ${what} was not answered as expected`);
      times.push((performance.now() - sentAt) * MICROS_PER_MS);
    }
    return { cpuMicros: round(cpuMicros), wallMicros: round(medianOf(times)) };
  }

  const timeRead = await measure("timeRead", READS, async () => (await open.time()).ok);
  const productRead = await measure(
    "productRead",
    READS,
    async (index) => (await open.product(ownAddress(ADDRESSES_ELSEWHERE + index))).status === 200,
  );

  const tokens: (IssuedToken | undefined)[] = [];
  const tokenIssue = await measure("tokenIssue", BUYERS, async (index) => {
    const outcome = await open.token(address(index), jwt(index));
    if (outcome.ok) tokens[index] = outcome.value;
    return outcome.ok;
  });
  const orders: string[] = [];
  const hold = await measure("hold", BUYERS, async (index) => {
    const { checkoutUrl = "", token = "" } = tokens[index] ?? {};
    const outcome = await open.checkout(address(index), checkoutUrl, token, 1);
    if (outcome.ok) orders[index] = outcome.value.orderId;
    return outcome.ok;
  });
  await untilDelivered(open);
  const orderRead = await measure("orderRead", BUYERS, async (index) => {
    const path = `/v1/products/measured/orders/${orders[index] ?? ""}`;
    const headers = { Authorization: `Bearer ${jwt(index)}` };
    return (await http.send({ method: "GET", path, headers, address: address(index), label: "order" })).status === 200;
  });
  const payment = await measure(
    "payment",
    BUYERS,
    async (index) => (await open.pay(orders[index] ?? "", `pay-${index}`)).ok,
  );
  await untilDelivered(open);

  const [winner, loser] = [await over.token(address(0), jwt(0)), await over.token(address(1), jwt(1))];
  if (!winner.ok || !loser.ok) throw new StartError("No token for the product that is to be sold out");
  const only = await over.checkout(address(0), winner.value.checkoutUrl, winner.value.token, 1);
  if (!only.ok || !(await over.pay(only.value.orderId, "pay-only")).ok)
    throw new StartError("The only unit was not sold");
  await until(async () => {
    const { body } = await over.product(ownAddress(ADDRESSES_ELSEWHERE));
    return typeof body === "object" && body !== null && "state" in body && body.state === "sold-out";
  }, "The edge did not hear that all is sold");
  const refusalAtEdge = await measure(
    "refusalAtEdge",
    READS,
    async (index) => (await over.token(ownAddress(ADDRESSES_ELSEWHERE + index), jwt(1))).status === 410,
  );
  const checkoutRefused = await measure("checkoutRefused", READS, async (index) => {
    const { checkoutUrl, token } = loser.value;
    return (await over.checkout(ownAddress(ADDRESSES_ELSEWHERE + index), checkoutUrl, token, 1)).status === 410;
  });

  const answers: unknown[] = [];
  const challengeIssue = await measure("challengeIssue", SOLVERS, async (index) => {
    const outcome = await hard.token(address(index), jwt(index));
    if (outcome.ok || outcome.code !== "challenge-required") return false;
    answers[index] = await solve(outcome.fields["challenge"]);
    return answers[index] !== undefined;
  });
  const tokenSolved = await measure("tokenSolved", SOLVERS, async (index) => {
    const path = "/v1/products/measured-hard/tokens";
    const headers = { Authorization: `Bearer ${jwt(index)}` };
    const body = JSON.stringify({ challenge: answers[index] });
    const call = { method: "POST", path, address: address(index), headers, body, label: "solved" } as const;
    return (await http.send(call)).status === 201;
  });

  const inner = await measureInner(field, workerd, tell);
  return {
    timeRead,
    productRead,
    refusalAtEdge,
    checkoutRefused,
    challengeIssue,
    tokenIssue,
    tokenSolved,
    hold,
    payment,
    orderRead,
    ...inner,
  };
}

async function measureInner(field: Field, workerd: number, tell: Tell) {
  let runs = 0;
  async function calls(kind: InnerCallsRequest["kind"], count: number, together: number): Promise<Cost> {
    tell(`measuring ${kind}, ${together} at once`);
    const began = cpuMicrosOf(workerd);
    let wallMs = 0;
    for (let done = 0; done < count; done += INNER_CALLS_PER_REQUEST) {
      const size = Math.min(INNER_CALLS_PER_REQUEST, count - done);
      const request: InnerCallsRequest = { kind, product: "measured", run: `inner-${runs++}`, count: size, together };
      const body = JSON.stringify(request);
      const answer = await field.http.send({ method: "POST", path: INNER_CALLS_PATH, body, label: "inner" });
      const parsed = v.safeParse(innerCallsAnswer, answer.body);
      if (!parsed.success || parsed.output.failed > 0) {
        throw new StartError(`A call of ${kind} failed inside the gateway: ${JSON.stringify(answer.body)}`);
      }
      wallMs += parsed.output.wallMs;
    }
    const cpuMicros = (cpuMicrosOf(workerd) - began) / count;
    return { cpuMicros: round(cpuMicros), wallMicros: round((wallMs * MICROS_PER_MS) / count) };
  }

  const limiterTake = await calls("limiterTake", INNER_CALLS, 1);
  const productView = await calls("productView", INNER_CALLS, 1);
  const controlSnapshot = await calls("controlSnapshot", INNER_CALLS, 1);
  const holdsTogether = await calls("hold", INNER_CALLS, TOGETHER);
  await untilDelivered(field.api("measured"));
  const holdsAlone = await calls("hold", SINGLE_HOLDS, 1);
  await untilDelivered(field.api("measured"));
  const eventsTogether = await calls("writer", INNER_CALLS, TOGETHER);
  const eventsAlone = await calls("writer", SINGLE_BATCHES, 1);
  const [holdCall, commit] = split(holdsTogether, holdsAlone);
  const [writerEvent, writerBatch] = split(eventsTogether, eventsAlone);
  return { limiterTake, productView, controlSnapshot, holdCall, commit, writerEvent, writerBatch };
}

/** Each of `TOGETHER` costs a + b / TOGETHER, one alone a + b: solved for a and b. */
function split(together: Cost, alone: Cost): readonly [each: Cost, beside: Cost] {
  const besideOf = (key: "cpuMicros" | "wallMicros"): number =>
    Math.max(0, (alone[key] - together[key]) / (1 - 1 / TOGETHER));
  const beside = { cpuMicros: round(besideOf("cpuMicros")), wallMicros: round(besideOf("wallMicros")) };
  const each = {
    cpuMicros: round(Math.max(0, alone.cpuMicros - beside.cpuMicros)),
    wallMicros: round(Math.max(0, alone.wallMicros - beside.wallMicros)),
  };
  return [each, beside];
}

/** Rows and bytes of orders, by a sale in which nothing else happens. */
async function meterOrders(field: Field, tell: Tell): Promise<Pick<Measured, "rows" | "bytes">> {
  tell("counting rows");
  const { http, api } = field;
  const sale = api("metered");
  await begin(sale, METERED_ORDERS, METERED_HOLD_SECONDS);
  const buyers = Array.from({ length: METERED_ORDERS }, (_, index) => ({
    id: `metered-${index}`,
    address: ownAddress(index),
  }));
  const jwts = await signIn(sale, buyers);
  await settled();
  const before = await readRows();
  const tokens: (IssuedToken | undefined)[] = [];
  await runCalls("tokens", METERED_ORDERS, async (index) => {
    const outcome = await sale.token(buyers[index]?.address ?? "", jwts[index] ?? "");
    if (outcome.ok) tokens[index] = outcome.value;
    return outcome.ok;
  });
  const issued = await settled();
  const orders: string[] = [];
  await runCalls("holds", METERED_ORDERS, async (index) => {
    const { checkoutUrl = "", token = "" } = tokens[index] ?? {};
    const outcome = await sale.checkout(buyers[index]?.address ?? "", checkoutUrl, token, 1);
    if (outcome.ok) orders[index] = outcome.value.orderId;
    return outcome.ok;
  });
  const held = await readRows();
  await untilDelivered(sale);
  const delivered = await readRows();
  const paidOrders = orders.slice(0, METERED_ORDERS / 2);
  await runCalls(
    "payments",
    paidOrders.length,
    async (index) => (await sale.pay(paidOrders[index] ?? "", `pay-${index}`)).ok,
  );
  const paid = await readRows();
  await untilDelivered(sale);
  const paidDelivered = await readRows();
  tell("waiting for holds to end");
  const unpaid = METERED_ORDERS - paidOrders.length;
  await until(async () => {
    const outcome = await sale.ledger();
    return outcome.ok && outcome.value.orders.expired >= unpaid;
  }, "The holds did not end");
  await untilDelivered(sale);
  const ended = await readRows();

  async function readRows(): Promise<Rows> {
    const answer = await http.send({ method: "GET", path: ROWS_PATH, label: "rows" });
    return v.parse(rowsDocument, answer.body);
  }

  /** After the limiters have written what they count. */
  async function settled(): Promise<Rows> {
    let rows = await readRows();
    await until(async () => {
      const later = await readRows();
      const isSame = later["limiter"]?.written === rows["limiter"]?.written;
      rows = later;
      return isSame;
    }, "The limiters did not come to rest");
    return rows;
  }

  const takes = METERED_ORDERS * LIMITER_TAKES_PER_TOKEN;
  const acknowledge = perCall("product", held, delivered, METERED_ORDERS);
  const expiryWithDelivery = perCall("product", paidDelivered, ended, unpaid);
  return {
    rows: {
      hold: perCall("product", issued, held, METERED_ORDERS),
      acknowledge,
      payment: perCall("product", delivered, paid, paidOrders.length),
      expiry: {
        read: Math.max(0, round(expiryWithDelivery.read - acknowledge.read)),
        written: Math.max(0, round(expiryWithDelivery.written - acknowledge.written)),
      },
      limiterTake: perCall("limiter", before, issued, takes),
    },
    bytes: {
      order: round(((ended["product"]?.bytes ?? 0) - (before["product"]?.bytes ?? 0)) / METERED_ORDERS),
      message: JSON.stringify(SAMPLE_EVENT).length,
    },
  };
}

/** One for the address, one for the buyer, one for the accounts of the address. */
const LIMITER_TAKES_PER_TOKEN = 3;

/** An event as `durable-objects/product/product-events.ts` makes it, with ids of their real length. */
const SAMPLE_EVENT = {
  eventId: `${"o".repeat(32)}.1`,
  type: "order.held",
  productId: "product-of-a-sale",
  round: 1,
  seq: 100_000,
  orderId: "o".repeat(32),
  version: 1,
  buyerId: "buyer-of-a-shop-1234567",
  quantity: 1,
  status: "held",
  paymentId: "payment-of-a-provider-1234567",
  holdExpiresAt: 1_795_304_393_649,
  createdAt: 1_795_304_393_649,
  at: 1_795_304_393_649,
  requestId: "00000000-0000-0000-0000-000000000000",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

function perCall(className: string, before: Rows, after: Rows, calls: number) {
  const grown = (key: "read" | "written"): number =>
    round(((after[className]?.[key] ?? 0) - (before[className]?.[key] ?? 0)) / calls);
  return { read: grown("read"), written: grown("written") };
}

async function begin(
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
  const outcome = await api.configure({ ...rules, closesAt: opensAt + 3_600_000 });
  if (!outcome.ok) throw new StartError(`Cannot create a product: the gateway answers ${outcome.code}`);
}

const challengeToSolve = v.looseObject({ challenge: v.looseObject({}) });

async function solve(told: unknown): Promise<unknown> {
  const { challenge } = v.parse(challengeToSolve, told);
  const solution = await solveChallenge({ challenge: challenge as never, deriveKey });
  return solution === null ? undefined : { kind: "pow", challenge, solution };
}

async function untilDelivered(api: SaleApi): Promise<void> {
  await until(async () => {
    const outcome = await api.ledger();
    return outcome.ok && outcome.value.outbox.pending === 0;
  }, "The events did not reach Postgres");
}

async function until(isSo: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + SETTLE_WITHIN_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new StartError(`${otherwise} within ${SETTLE_WITHIN_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What whole requests cost: CPU of the gateway's process around runs of equal calls, and the time that one takes alone. */
import { solveProof } from "../../attack/work/proof.ts";
import { StartError } from "../../gateway/start-error.ts";
import { ownAddress } from "../../rush/cast.ts";
import type { IssuedToken } from "../../rush/sale-api.ts";
import { signIn } from "../../rush/sign-in.ts";
import type { Measured, RequestKind } from "../costs.ts";
import { begin, type Field, round, runCalls, type Tell, until, untilDelivered } from "./field.ts";
import { cpuMicrosOf } from "./process-cpu.ts";

/** Calls of each kind: with ticks of 10 ms this makes the CPU of a call known to about two per cent. */
const READS = 8000;
const BUYERS = 3000;
const SOLVERS = 800;
/** Calls one after the other, for the time that one takes alone; calls before, that wake the objects and the compiler. */
const ALONE = 300;
const WARM_UP = 600;
const STOCK = 1_000_000;
const HOLD_SECONDS = 600;
const ADDRESSES_ELSEWHERE = 4_000_000;
const MICROS_PER_MS = 1000;

type Cost = Measured["costs"]["hold"];

/** The product that calls inside the gateway may use as well. */
export const MEASURED_PRODUCT = "measured";

/** @param workerd the gateway's process. */
export async function measureRequests(
  field: Field,
  workerd: number,
  tell: Tell,
): Promise<Readonly<Record<RequestKind, Cost>>> {
  const { http, api } = field;
  const open = api(MEASURED_PRODUCT);
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

  /** Until nothing is on its way to Postgres: what comes alone must meet an idle gateway. */
  const rest = async (): Promise<void> => untilDelivered(open);

  /** CPU of `count` calls together, and the median time of some alone; behind others that wake the objects and the compiler. */
  async function measure(what: string, count: number, call: (index: number) => Promise<boolean>): Promise<Cost> {
    tell(`measuring ${what}`);
    await runCalls(what, WARM_UP, (index) => call(count + ALONE + index));
    const began = cpuMicrosOf(workerd);
    const beganAt = performance.now();
    await runCalls(what, count, call);
    const perSecond = round((count * 1000) / (performance.now() - beganAt));
    const cpuMicros = (cpuMicrosOf(workerd) - began) / count;
    await rest();
    const times: number[] = [];
    for (let index = count; index < count + ALONE; index++) {
      const sentAt = performance.now();
      if (!(await call(index))) throw new StartError(`A call of ${what} was not answered as expected`);
      times.push((performance.now() - sentAt) * MICROS_PER_MS);
    }
    return { cpuMicros: round(cpuMicros), wallMicros: round(medianOf(times)), perSecond };
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
    answers[index] = (await solveProof(outcome.fields["challenge"])).answer;
    return true;
  });
  const tokenSolved = await measure(
    "tokenSolved",
    SOLVERS,
    async (index) => (await hard.token(address(index), jwt(index), answers[index])).ok,
  );

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
  };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

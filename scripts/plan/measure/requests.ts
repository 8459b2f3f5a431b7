/** What whole requests cost: CPU of the gateway's process around runs of equal calls, and the time that one takes alone. */
import { solveProof } from "../../attack/work/proof.ts";
import { StartError } from "../../gateway/start-error.ts";
import { ownAddress } from "../../rush/cast.ts";
import type { IssuedToken } from "../../rush/sale-api.ts";
import { signIn } from "../../rush/sign-in.ts";
import type { Measured, RequestKind } from "../costs.ts";
import { timeAlone } from "./alone.ts";
import { begin, type Field, letLeave, round, runCalls, type Tell, until, untilDelivered } from "./field.ts";
import { placeOrders } from "./left-orders.ts";
import { cpuMicrosOf } from "./process-cpu.ts";
import type { Sizes } from "./sizes.ts";

/** Before each call of those that come after a pause: the processor has other things to do, and forgets the program. Milliseconds. */
const PAUSE_MS = 20;
/** The gateway reads so many rows of Postgres at a time, and no more (src/origin/archived-orders.ts). */
const ARCHIVED_AT_ONCE = 16;
const STOCK = 1_000_000;
const HOLD_SECONDS = 600;
const ADDRESSES_ELSEWHERE = 4_000_000;

type RequestCost = Measured["costs"]["hold"];
type Call = (index: number) => Promise<boolean>;

const LEFT_PRODUCT = "measured-left";
/** The product that calls inside the gateway may use as well. */
export const MEASURED_PRODUCT = "measured";

/** @param workerd the gateway's process. */
export async function measureRequests(
  field: Field,
  workerd: number,
  sizes: Sizes,
  tell: Tell,
): Promise<Readonly<Record<RequestKind, RequestCost>>> {
  const { http, api } = field;
  const open = api(MEASURED_PRODUCT);
  const over = api("measured-over");
  const hard = api("measured-hard");
  const left = api(LEFT_PRODUCT);
  const { alone, rested, warmUp } = sizes;
  await begin(open, STOCK, HOLD_SECONDS);
  await begin(over, 1, HOLD_SECONDS);
  await begin(hard, STOCK, HOLD_SECONDS, ["pow"]);
  await begin(left, STOCK, HOLD_SECONDS);
  const buyers = Array.from({ length: sizes.buyers + alone + rested + warmUp }, (_, index) => ({
    id: `measured-${index}`,
    address: ownAddress(index),
  }));
  tell("signing buyers in");
  const jwts = await signIn(open, buyers);
  const address = (index: number): string => buyers[index]?.address ?? "";
  const jwt = (index: number): string => jwts[index] ?? "";

  /** Until nothing is on its way to Postgres: what comes alone must meet an idle gateway. */
  const rest = async (): Promise<void> => (sizes.undisturbed ? untilDelivered(open) : undefined);

  /** CPU of `count` calls together, and the time that one takes alone; behind others that wake the objects and the compiler. */
  async function measure(what: string, count: number, call: Call, atOnce?: number): Promise<RequestCost> {
    tell(`measuring ${what}`);
    await runCalls(what, warmUp, (index) => call(count + alone + rested + index), atOnce);
    const began = cpuMicrosOf(workerd);
    const beganAt = performance.now();
    await runCalls(what, count, call, atOnce);
    const perSecond = round((count * 1000) / (performance.now() - beganAt));
    const cpuMicros = (cpuMicrosOf(workerd) - began) / count;
    await rest();
    const inRow = await timeAlone({ what, first: count, count: alone, pauseMs: 0, call });
    await rest();
    const afterPause = await timeAlone({ what, first: count + alone, count: rested, pauseMs: PAUSE_MS, call });
    return {
      cpuMicros: round(cpuMicros),
      wallMicros: inRow.median,
      restedMicros: afterPause.median,
      rested95Micros: afterPause.p95,
      perSecond,
    };
  }

  const timeRead = await measure("timeRead", sizes.reads, async () => (await open.time()).ok);
  const productRead = await measure(
    "productRead",
    sizes.reads,
    async (index) => (await open.product(ownAddress(ADDRESSES_ELSEWHERE + index))).status === 200,
  );

  const tokens: (IssuedToken | undefined)[] = [];
  const tokenIssue = await measure("tokenIssue", sizes.buyers, async (index) => {
    const outcome = await open.token(address(index), jwt(index));
    if (outcome.ok) tokens[index] = outcome.value;
    return outcome.ok;
  });
  const orders: string[] = [];
  const hold = await measure("hold", sizes.buyers, async (index) => {
    const { checkoutUrl = "", token = "" } = tokens[index] ?? {};
    const outcome = await open.checkout(address(index), checkoutUrl, token, 1);
    if (outcome.ok) orders[index] = outcome.value.orderId;
    return outcome.ok;
  });
  await rest();
  const orderRead = await measure("orderRead", sizes.buyers, async (index) => {
    const path = `/v1/products/measured/orders/${orders[index] ?? ""}`;
    const headers = { Authorization: `Bearer ${jwt(index)}` };
    return (await http.send({ method: "GET", path, headers, address: address(index), label: "order" })).status === 200;
  });
  const payment = await measure(
    "payment",
    sizes.buyers,
    async (index) => (await open.pay(orders[index] ?? "", `pay-${index}`)).ok,
  );
  await rest();

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
    sizes.reads,
    async (index) => (await over.token(ownAddress(ADDRESSES_ELSEWHERE + index), jwt(1))).status === 410,
  );
  const checkoutRefused = await measure("checkoutRefused", sizes.reads, async (index) => {
    const { checkoutUrl, token } = loser.value;
    return (await over.checkout(ownAddress(ADDRESSES_ELSEWHERE + index), checkoutUrl, token, 1)).status === 410;
  });

  const answers: unknown[] = [];
  const challengeIssue = await measure("challengeIssue", sizes.solvers, async (index) => {
    const outcome = await hard.token(address(index), jwt(index));
    if (outcome.ok || outcome.code !== "challenge-required") return false;
    answers[index] = (await solveProof(outcome.fields["challenge"])).answer;
    return true;
  });
  const tokenSolved = await measure(
    "tokenSolved",
    sizes.solvers,
    async (index) => (await hard.token(address(index), jwt(index), answers[index])).ok,
  );

  const leftBuyers = Array.from({ length: sizes.archivedOrders }, (_, index) => ({
    address: address(index),
    jwt: jwt(index),
  }));
  const leftOrders = await placeOrders(left, leftBuyers);
  await letLeave(http, LEFT_PRODUCT);
  const archivedRead = await measure(
    "archivedRead",
    sizes.archivedReads,
    async (index) => {
      const buyer = index % leftOrders.length;
      const path = `/v1/products/${LEFT_PRODUCT}/orders/${leftOrders[buyer] ?? ""}`;
      const headers = { Authorization: `Bearer ${jwt(buyer)}` };
      return (
        (await http.send({ method: "GET", path, headers, address: ownAddress(index), label: "left" })).status === 200
      );
    },
    ARCHIVED_AT_ONCE,
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
    archivedRead,
  };
}

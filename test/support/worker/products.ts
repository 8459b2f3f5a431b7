/** Products for tests on workerd: a valid round, one field changed at a time. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";
import type { ProductObject } from "../../../durable-objects/product/product-object.ts";
import type {
  CallbackId,
  CancelCommand,
  Cause,
  ConfigureCommand,
  HoardingRules,
  HoldAnswer,
  HoldCommand,
  OrderView,
  PayCommand,
  ProductApi,
  ProductDocument,
  ProductEvent,
  RoundRules,
} from "../../../durable-objects/product/protocol.ts";
import { unpack } from "../../../src/packed.ts";
import { eventsOf, parseMessage } from "../../../src/origin/writer/parse-message.ts";
import { wait } from "../../../src/waiting.ts";

export const CAUSE: Cause = {
  requestId: "test",
  traceparent: "00-11111111111111111111111111111111-2222222222222222-00",
};

/** Two days, as delivered. */
export const RETENTION_MS = 172_800_000;

/** A token id as the token stage makes them. */
export function makeJti(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
}

export function makeProductId(): string {
  return `p-${crypto.randomUUID()}`;
}

/** The object as tests ask it: what it answers as text is read. */
export type TestedProduct = Omit<ProductApi, "hold"> & { hold(command: HoldCommand): Promise<HoldAnswer> };

/** The same with what only the object itself has. */
export type ProductInside = Omit<ProductObject, "hold"> & TestedProduct;

export function productStub(id: string): TestedProduct {
  return reading(env.PRODUCT.getByName(id));
}

/** Everything else is the object's own; a method is called on it, for its private fields and for what a stub makes of it. */
function reading<Product extends ProductApi>(product: Product): Omit<Product, "hold"> & TestedProduct {
  return new Proxy<object>(product, {
    get: (target, key) => {
      if (key === "hold") return async (command: HoldCommand) => unpack(await product.hold(command));
      const methods = target as Record<string | symbol, unknown>;
      const value = methods[key];
      if (typeof value !== "function") return value;
      return (...args: unknown[]) =>
        (methods as Record<string | symbol, (...args: unknown[]) => unknown>)[key]?.(...args);
    },
  }) as Omit<Product, "hold"> & TestedProduct;
}

/** A round that opened a minute ago and closes in an hour. */
export function makeRules(changes: Partial<RoundRules> = {}): RoundRules {
  const now = Date.now();
  return {
    title: "A test's product",
    price: 9900,
    currency: "EUR",
    opensAt: now - 60_000,
    closesAt: now + 3_600_000,
    perBuyerLimit: 2,
    holdSeconds: 60,
    challenges: [],
    ...changes,
  };
}

/** Rules of a round that opens in so many milliseconds. */
export function opensIn(ms: number): RoundRules {
  return makeRules({ opensAt: Date.now() + ms });
}

export function makeConfigure(id: string, changes: Partial<ConfigureCommand> = {}): ConfigureCommand {
  return {
    id,
    rules: makeRules(),
    stock: 10,
    originRound: null,
    rulesFrozenSeconds: 300,
    orderRetentionMs: RETENTION_MS,
    cause: CAUSE,
    ...changes,
  };
}

/** Every rule off. */
export const HOARDING_OFF: HoardingRules = {
  openHoldsPerBuyer: 0,
  unpaidUnitSecondsPerBuyer: 0,
  unpaidUnitSecondsPerClient: 0,
  lapses: 0,
  cooldownSeconds: 0,
};

export function makeHold(changes: Partial<HoldCommand> = {}): HoldCommand {
  return {
    round: 1,
    jti: makeJti(),
    buyerId: `b-${crypto.randomUUID()}`,
    quantity: 1,
    client: null,
    hoarding: HOARDING_OFF,
    cause: CAUSE,
    ...changes,
  };
}

/** A product of its own for one test. */
export async function makeProduct(
  stock: number,
  rules: Partial<RoundRules> = {},
): Promise<{ readonly id: string; readonly product: TestedProduct; readonly document: ProductDocument }> {
  const id = makeProductId();
  const product = productStub(id);
  const answer = await product.configure(makeConfigure(id, { stock, rules: makeRules(rules) }));
  if (!answer.ok) throw new Error(`The product was refused: ${answer.refusal.code}`);
  return { id, product, document: answer.value };
}

/** A hold that must succeed. */
export async function holdOne(product: TestedProduct, changes: Partial<HoldCommand> = {}): Promise<OrderView> {
  const answer = await product.hold(makeHold(changes));
  if (!answer.ok) throw new Error(`The hold was refused: ${answer.refusal.code}`);
  return answer.value.order;
}

/** A callback's id, new unless it is given. */
export function makeCallback(changes: Partial<CallbackId> = {}): CallbackId {
  return { webhookId: `msg-${crypto.randomUUID()}`, digest: "a-digest", ...changes };
}

export function makePay(orderId: string, changes: Partial<PayCommand> = {}): PayCommand {
  return { orderId, snapshot: null, paymentId: "pay-1", callback: makeCallback(), cause: CAUSE, ...changes };
}

/** The origin's cancellation, unless a buyer is named. */
export function makeCancel(orderId: string, changes: Partial<CancelCommand> = {}): CancelCommand {
  return { orderId, snapshot: null, buyerId: null, callback: null, cause: CAUSE, ...changes };
}

function namespaceStub(id: string): DurableObjectStub<ProductObject> {
  return env.PRODUCT.getByName(id);
}

/** The object's memory is gone, its storage is kept. */
export async function evictProduct(id: string): Promise<void> {
  await evictDurableObject(namespaceStub(id));
}

/** Runs the object's alarm now, whenever it is set to; false: none is set. */
export async function runAlarm(id: string): Promise<boolean> {
  return runDurableObjectAlarm(namespaceStub(id));
}

/** Runs a step inside of the object: for faults and for what only the storage knows. */
export async function inProduct<Value>(
  id: string,
  step: (instance: ProductInside, state: DurableObjectState) => Value | Promise<Value>,
): Promise<Value> {
  return runInDurableObject(namespaceStub(id), (instance, state) => step(reading(instance), state));
}

const TABLES = ["product", "rounds", "orders", "outbox", "callbacks", "archived", "audit"];

/** Everything that is stored, table by table; no tables, nothing. */
export function dump(sql: SqlStorage): Readonly<Record<string, unknown>> {
  const stored = new Set(
    sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master")
      .toArray()
      .map(({ name }) => name),
  );
  const tables = TABLES.filter((table) => stored.has(table));
  return Object.fromEntries(tables.map((table) => [table, sql.exec(`SELECT * FROM ${table}`).toArray()]));
}

/** The outbox as it is stored, by `seq`. */
export async function outboxOf(id: string): Promise<readonly ProductEvent[]> {
  return inProduct(id, (_instance, { storage }) =>
    storage.sql
      .exec<{ body: string }>("SELECT body FROM outbox ORDER BY seq")
      .toArray()
      .map(({ body }) => JSON.parse(body) as ProductEvent),
  );
}

export interface QueueRecord {
  /** What was sent for the product, in order of sending, repeats included. */
  sentFor(id: string): readonly ProductEvent[];
  /** How many events each message of each sending of the product had. */
  sizesFor(id: string): readonly (readonly number[])[];
  /** Waits until so many events were sent for the product, repeats included. The movable clock stands still meanwhile. */
  untilSent(id: string, count: number): Promise<void>;
  /** The same of sendings that failed, too. */
  untilTried(id: string, count: number): Promise<void>;
  /** Waits until all of these were sent for the product. */
  untilAllSent(id: string, eventIds: readonly string[]): Promise<void>;
  /** Lets sendings fail from now on, or no more. */
  fail(failing: boolean): void;
}

/** Events gather in the outbox for some 50 ms; what has not come after this never comes. */
const SENT_WITHIN_MS = 5000;

/** Not vitest's own: with a movable clock that moves it. */
async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo() && waited < SENT_WITHIN_MS; waited++) await wait(1);
  if (!isSo()) throw new Error(`It did not come about within ${SENT_WITHIN_MS} ms`);
}

/** Stands in for the queue, for every product object of this file: nothing reaches the writer. */
export function recordQueue(): QueueRecord {
  const sendings: (readonly (readonly ProductEvent[])[])[] = [];
  const tried: ProductEvent[] = [];
  let failing = false;
  env.ORDER_EVENTS.sendBatch = async (messages: Iterable<MessageSendRequest>) => {
    const sending = Array.from(messages, ({ body }) => eventsOf(parseMessage(body)));
    tried.push(...sending.flat());
    if (failing) throw new Error("The queue is down");
    sendings.push(sending);
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  };
  const sentFor = (id: string) => sendings.flat(2).filter((event) => event.productId === id);
  return {
    sentFor,
    sizesFor: (id) =>
      sendings.filter(([first]) => first?.[0]?.productId === id).map((sending) => sending.map(({ length }) => length)),
    untilSent: (id, count) => until(() => sentFor(id).length >= count),
    untilTried: (id, count) => until(() => tried.filter((event) => event.productId === id).length >= count),
    untilAllSent: (id, eventIds) =>
      until(() => {
        const sent = new Set(sentFor(id).map(({ eventId }) => eventId));
        return eventIds.every((eventId) => sent.has(eventId));
      }),
    fail: (now) => {
      failing = now;
    },
  };
}

/** Milliseconds since the epoch. Far ahead of the real clock, by which the platform runs alarms: none runs by itself. */
const FAR_AHEAD = Date.UTC(2100, 0, 1);

/** Makes the clock stand still in each test of the file; `vi.setSystemTime` moves it, for the objects as well. */
export function useMovableClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: FAR_AHEAD });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** When the object's alarm is set to; null: it is not set. */
export async function alarmOf(id: string): Promise<number | null> {
  return inProduct(id, (_instance, { storage }) => storage.getAlarm());
}

/** What `breakStatement` throws. */
export class InjectedFault extends Error {
  override readonly name = "InjectedFault";
}

/**
 * Lets the object fail right after the statement with this number, counted from 1 and from now on, was executed; or after
 * each statement that the test picks out. The function that comes back mends it, and returns how many statements there were.
 */
export function breakStatement(sql: SqlStorage, broken: number | ((query: string) => boolean)): () => number {
  const execute = sql.exec.bind(sql);
  let count = 0;
  sql.exec = ((query: string, ...bindings: unknown[]) => {
    const cursor = execute(query, ...bindings);
    count += 1;
    if (typeof broken === "number" ? count === broken : broken(query)) throw new InjectedFault(`After: ${query}`);
    return cursor;
  }) as SqlStorage["exec"];
  return () => {
    delete (sql as { exec?: unknown }).exec;
    return count;
  };
}

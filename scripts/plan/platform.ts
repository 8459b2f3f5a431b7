/**
 * Cloudflare's published limits and prices, each with its source and the day on which it was read: the only place in the planner
 * where such a figure stands. Read in the pages' public source (github.com/cloudflare/cloudflare-docs), in the newest version that
 * was at hand on that day: look again before a sale. Prices in US dollars, without taxes, on the Workers Paid plan. What is not published is not here.
 */

export interface Published<Value extends number = number> {
  readonly value: Value;
  readonly unit: string;
  readonly source: string;
  /** The day on which the source said so. */
  readonly read: string;
}

/** What a month includes, and what each million (or unit) beyond it costs. */
export interface Price {
  readonly included: number;
  /** US dollars for `per` units. */
  readonly dollars: number;
  readonly per: number;
  readonly unit: string;
  readonly source: string;
  readonly read: string;
}

const READ = "2026-11-22";
const DOCS = "https://developers.cloudflare.com";
const WORKERS_PRICES = `${DOCS}/workers/platform/pricing/`;
const OBJECT_PRICES = `${DOCS}/durable-objects/platform/pricing/`;
const OBJECT_LIMITS = `${DOCS}/durable-objects/platform/limits/`;
const OBJECT_RULES = `${DOCS}/durable-objects/best-practices/rules-of-durable-objects/`;
const QUEUE_PRICES = `${DOCS}/queues/platform/pricing/`;
const QUEUE_LIMITS = `${DOCS}/queues/platform/limits/`;
const HYPERDRIVE_LIMITS = `${DOCS}/hyperdrive/platform/limits/`;
const LOG_PRICES = `${DOCS}/observability/pricing/`;

const MILLION = 1_000_000;

export const LIMITS = {
  /** Soft: beyond it an object queues, and then refuses as overloaded. */
  objectRequestsPerSecond: { value: 1000, unit: "requests/s", source: OBJECT_LIMITS, read: READ },
  /** What the documentation expects of objects that write: 200 to 500. */
  objectWritesPerSecondLow: { value: 200, unit: "requests/s", source: OBJECT_RULES, read: READ },
  objectWritesPerSecondHigh: { value: 500, unit: "requests/s", source: OBJECT_RULES, read: READ },
  objectStorageGigabytes: { value: 10, unit: "GB", source: OBJECT_LIMITS, read: READ },
  queueMessagesPerSecond: { value: 5000, unit: "messages/s", source: QUEUE_LIMITS, read: READ },
  queueBatchMessages: { value: 100, unit: "messages", source: QUEUE_LIMITS, read: READ },
  queueConsumersAtOnce: { value: 250, unit: "invocations", source: QUEUE_LIMITS, read: READ },
  hyperdriveConnections: {
    value: 100,
    unit: "connections to the origin, about",
    source: HYPERDRIVE_LIMITS,
    read: READ,
  },
} as const satisfies Readonly<Record<string, Published>>;

/** The plan itself, a month. */
export const PLAN = { dollars: 5, source: WORKERS_PRICES, read: READ } as const;

export const PRICES = {
  /** Requests to static assets are free; calls to objects are not requests of a Worker. */
  workerRequests: {
    included: 10 * MILLION,
    dollars: 0.3,
    per: MILLION,
    unit: "requests",
    source: WORKERS_PRICES,
    read: READ,
  },
  workerCpu: {
    included: 30 * MILLION,
    dollars: 0.02,
    per: MILLION,
    unit: "CPU ms",
    source: WORKERS_PRICES,
    read: READ,
  },
  /** Every call of a method is one, and so is every alarm. */
  objectRequests: {
    included: MILLION,
    dollars: 0.15,
    per: MILLION,
    unit: "requests",
    source: OBJECT_PRICES,
    read: READ,
  },
  objectDuration: { included: 400_000, dollars: 12.5, per: MILLION, unit: "GB-s", source: OBJECT_PRICES, read: READ },
  rowsRead: {
    included: 25_000 * MILLION,
    dollars: 0.001,
    per: MILLION,
    unit: "rows",
    source: OBJECT_PRICES,
    read: READ,
  },
  rowsWritten: { included: 50 * MILLION, dollars: 1, per: MILLION, unit: "rows", source: OBJECT_PRICES, read: READ },
  objectStorage: { included: 5, dollars: 0.2, per: 1, unit: "GB-month", source: OBJECT_PRICES, read: READ },
  queueOperations: {
    included: MILLION,
    dollars: 0.4,
    per: MILLION,
    unit: "operations",
    source: QUEUE_PRICES,
    read: READ,
  },
  /** Queries are not charged on the paid plan. */
  hyperdrive: {
    included: Number.POSITIVE_INFINITY,
    dollars: 0,
    per: 1,
    unit: "queries",
    source: `${DOCS}/hyperdrive/platform/pricing/`,
    read: READ,
  },
  /** Until 2026-11-30. */
  logEvents: { included: 20 * MILLION, dollars: 0.6, per: MILLION, unit: "events", source: WORKERS_PRICES, read: READ },
  /** From 2026-12-01 on, instead of the events. */
  logIngestion: { included: 50, dollars: 0.25, per: 1, unit: "GB", source: LOG_PRICES, read: READ },
} as const satisfies Readonly<Record<string, Price>>;

/** Memory that an object is billed for while it is awake, whatever it uses: 128 MB. */
export const OBJECT_GIGABYTES = 0.128;
/**
 * A message is written, read and deleted once: an operation each, for every 64 KB that it has, begun ones included. The gateway's
 * stay below one (durable-objects/product/event-messages.ts).
 */
export const QUEUE_OPERATIONS_PER_MESSAGE = 3;
/** From then on logs cost by volume. */
export const LOG_PRICE_CHANGE = Date.UTC(2026, 11, 1);

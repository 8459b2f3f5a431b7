/** A database of its own for a test file, and what a writer test needs around it: bindings, messages, rows. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import postgres, { type Sql } from "postgres";
import { inject } from "vitest";
import { writeMessage } from "../../durable-objects/product/event-messages.ts";
import type { WriterConfig } from "../../src/config.ts";
import { type Database, openDatabase } from "../../src/origin/database.ts";
import { storeDeadLetters } from "../../src/origin/dead-letters.ts";
import { writeBatch } from "../../src/origin/writer/write-batch.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** As test/support/node/postgres-setup.ts provides them. */
    databaseUrl: string;
    templateDatabase: string;
    faultsUrl: string;
  }
}

export const CONFIG: WriterConfig = { breakerFailures: 3, breakerPauseMs: 10_000, timeoutMs: 5000 };

export interface OriginDatabase extends Database {
  readonly name: string;
  /** As the Hyperdrive binding gives it. */
  readonly connectionString: string;
}

export function openForTest(connectionString: string): Sql {
  return postgres(connectionString, { max: 1, fetch_types: false, prepare: false, onnotice: () => {} });
}

function namedDatabase(name: string): string {
  const url = new URL(env.ORIGIN_DB.connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

/** Makes a migrated database. Its connection ends with the test file: ending it by hand fails the run in this runtime. */
export async function createOriginDatabase(topic: string): Promise<OriginDatabase> {
  // The server may be somebody's own: nothing of theirs is called so.
  const name = `sluice_test_${topic}`;
  const admin = openForTest(env.ORIGIN_DB.connectionString);
  await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE ${inject("templateDatabase")}`);
  const connectionString = namedDatabase(name);
  return { name, connectionString, ...openDatabase(connectionString, CONFIG.timeoutMs) };
}

export type FaultRequest =
  | { readonly kind: "refused" | "silent" }
  | { readonly kind: "cut-after-commit" | "cut-before-commit"; readonly times: number };

/** A connection string that leads to the database by a faulty way. */
export async function openFaultyWay(database: OriginDatabase, fault: FaultRequest): Promise<string> {
  const direct = new URL(inject("databaseUrl"));
  const target = { host: direct.hostname, port: Number(direct.port || "5432") };
  const answer = await fetch(inject("faultsUrl"), {
    method: "POST",
    body: JSON.stringify("times" in fault ? { ...fault, ...target } : fault),
  });
  const { port } = await answer.json<{ port: number }>();
  direct.hostname = "127.0.0.1";
  direct.port = String(port);
  direct.pathname = `/${database.name}`;
  return direct.href;
}

/** Bindings with product objects that only remember what they were told. */
export class FakeBindings {
  readonly acknowledged: string[] = [];
  readonly parked: string[] = [];
  /** Bodies of messages, in the order of their sending. */
  readonly sent: unknown[] = [];
  /** How long each of them was to wait, in seconds. */
  readonly delays: (number | undefined)[] = [];
  /** How many events each call of an object acknowledged. */
  readonly calls: number[] = [];
  /** Whether the product objects are unreachable. */
  productsFail = false;
  /** Whether the queue takes nothing. */
  queueFails = false;
  readonly env: Env;

  constructor(connectionString: string) {
    const tell = (list: string[]) => async (eventIds: readonly string[]) => {
      if (this.productsFail) throw new Error("The object is unreachable");
      list.push(...eventIds);
    };
    const acknowledge = tell(this.acknowledged);
    const product = {
      acknowledge: (eventIds: readonly string[]) => {
        this.calls.push(eventIds.length);
        return acknowledge(eventIds);
      },
      park: tell(this.parked),
    };
    const take = (body: unknown, delaySeconds?: number) => {
      if (this.queueFails) throw new Error("The queue is full");
      this.sent.push(body);
      this.delays.push(delaySeconds);
    };
    const fakes: object = {
      ORIGIN_DB: { connectionString },
      PRODUCT: { getByName: () => product },
      ORDER_EVENTS: {
        send: async (body: unknown) => take(body),
        sendBatch: async (messages: Iterable<MessageSendRequest>) => {
          for (const { body, delaySeconds } of messages) take(body, delaySeconds);
        },
      },
    };
    this.env = fakes as Env;
  }
}

export interface Settled {
  readonly acked: string[];
  readonly retried: { readonly msgId: string; readonly delaySeconds?: number }[];
  readonly retriedAll: { readonly retry: boolean; readonly delaySeconds?: number };
}

type Consumer = (batch: MessageBatch) => Promise<void>;

/** Delivers bodies as one batch; message ids are their positions, as text. */
export async function deliver(
  queue: string,
  bodies: readonly unknown[],
  consume: Consumer,
  attempts = 1,
): Promise<Settled> {
  const messages = bodies.map((body, index) => ({ id: String(index), timestamp: new Date(0), attempts, body }));
  const batch = createMessageBatch(queue, messages);
  const ctx = createExecutionContext();
  await consume(batch);
  const result = await getQueueResult(batch, ctx);
  return { acked: result.explicitAcks, retried: result.retryMessages, retriedAll: result.retryBatch };
}

/** Delivers bodies to the writer, each as a message. */
export async function write(
  bindings: FakeBindings,
  bodies: readonly unknown[],
  config = CONFIG,
  attempts = 1,
): Promise<Settled> {
  return await deliver("sluice-order-events", bodies, (batch) => writeBatch(batch, bindings.env, config), attempts);
}

/** One message that carries all of these. */
export function together(events: readonly unknown[]): string {
  return writeMessage(events.map((event) => JSON.stringify(event)));
}

/** Delivers bodies to the dead letters' consumer, each as a message. */
export async function bury(bindings: FakeBindings, bodies: readonly unknown[], attempts = 1): Promise<Settled> {
  return await deliver(
    "sluice-dead-letters",
    bodies,
    (batch) => storeDeadLetters(batch, bindings.env, CONFIG),
    attempts,
  );
}

/** The most units that Postgres holds in a column. */
export const MAX_INTEGER = 2_147_483_647;

/** A product whose stock is full: one unit more is impossible. */
export async function fillStock({ sql }: OriginDatabase, productId: string): Promise<void> {
  await sql`INSERT INTO products (id, stock) VALUES (${productId}, ${MAX_INTEGER})`;
}

/**
 * The Worker of the bench `ledger`: the product object as it is, filled in bulk and asked in bulk, with a queue that
 * takes everything and a writer that acknowledges at once. Nothing of a buyer's way is in here: only the object is measured.
 */
import { makeOrderId, ORDER_ID_BYTES } from "../../durable-objects/product/order-id.ts";
import { ProductObject as GatewayProductObject } from "../../durable-objects/product/product-object.ts";
import type { HoldCommand } from "../../durable-objects/product/protocol.ts";
import { unpack } from "../../src/packed.ts";
import { makeJti } from "../../src/token/purchase-token.ts";

const CAUSE = { requestId: "bench", traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` };
/** Rows of one implicit transaction while filling. */
const FILL_CHUNK = 20_000;
/** As delivered: one open hold a buyer and both budgets, so that each hold reads what it would read in a sale. */
const HOARDING = {
  openHoldsPerBuyer: 1,
  unpaidUnitSecondsPerBuyer: 7200,
  unpaidUnitSecondsPerClient: 86_400,
  lapses: 10,
  cooldownSeconds: 600,
};

/**
 * What the orders are: `asSold`: over, nine of ten paid, tokens by their time, buyers in no order. To compare with: `randomTokens`, ids of tokens
 * without a time in them, and `stillHeld`, orders of which none is over.
 */
const FILLINGS = ["asSold", "randomTokens", "stillHeld"] as const;
type Filling = (typeof FILLINGS)[number];

/** @param at when it was made, ms since the epoch. */
function tokenId(at: number, filling: Filling): string {
  return filling === "randomTokens" ? random(16) : makeJti(at, crypto.getRandomValues(new Uint8Array(10)));
}

function random(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toBase64({ alphabet: "base64url", omitPadding: true });
}

interface BenchEnv {
  readonly PRODUCT: DurableObjectNamespace<ProductObject>;
}

export class ProductObject extends GatewayProductObject {
  readonly #storage: DurableObjectStorage;
  readonly #sent: string[];
  /** Orders of holds that were not paid yet. */
  #held: string[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    const sent: string[] = [];
    const queue = {
      sendBatch: async (messages: Iterable<MessageSendRequest<string>>) => {
        for (const { body } of messages) sent.push(...eventIdsIn(body));
      },
    };
    super(ctx, { ...env, ORDER_EVENTS: queue as unknown as Env["ORDER_EVENTS"] });
    this.#storage = ctx.storage;
    this.#sent = sent;
  }

  /** A round of that many units more than there are orders, and the orders: all held, or nine of ten paid and the rest expired; all delivered. */
  async fill(orders: number, spare: number, filling: Filling): Promise<void> {
    const now = Date.now();
    const rules = {
      title: "Bench",
      price: 1,
      currency: "EUR",
      opensAt: now - 60_000,
      closesAt: now + 86_400_000,
      perBuyerLimit: 2,
      holdSeconds: 3600,
      challenges: [],
    };
    const command = {
      id: "bench",
      rules,
      stock: orders + spare,
      originRound: null,
      rulesFrozenSeconds: 300,
      orderRetentionMs: 172_800_000,
    };
    await this.configure({ ...command, cause: CAUSE });
    let paid = 0;
    let held = 0;
    for (let first = 0; first < orders; first += FILL_CHUNK) {
      this.#storage.transactionSync(() => {
        for (let index = first; index < Math.min(orders, first + FILL_CHUNK); index++) {
          const isHeld = filling === "stillHeld";
          const isPaid = !isHeld && index % 10 !== 0;
          if (isPaid) paid += 1;
          if (isHeld) held += 1;
          // A second of the clock holds a thousand orders, so that ids are ordered as they would be.
          const at = now - 7_200_000 + index;
          this.#storage.sql.exec(
            `INSERT INTO orders (order_id, round, jti, buyer_id, quantity, status, version, payment_id, hold_expires_at,
               created_at, updated_at, request_id, traceparent, client) VALUES (?, 1, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
            makeOrderId(at, crypto.getRandomValues(new Uint8Array(ORDER_ID_BYTES))),
            tokenId(at, filling),
            `buyer-${random(12)}`,
            isHeld ? "held" : isPaid ? "paid" : "expired",
            isHeld ? 1 : 2,
            isPaid ? `pay-${random(12)}` : null,
            isHeld ? now + 3_600_000 : at + 60_000,
            at,
            isHeld ? at : at + 60_000,
            CAUSE.requestId,
            CAUSE.traceparent,
            random(16),
          );
        }
      });
      await this.#storage.sync();
    }
    this.#storage.sql.exec(
      `UPDATE rounds SET available = available - ?1 - ?2, held = ?1, held_orders = ?1, paid = ?2, paid_orders = ?2, expired_orders = ?3`,
      held,
      paid,
      orders - held - paid,
    );
    await this.#acknowledgeAll();
  }

  /** Its memory is gone: it was filled past it. */
  async forget(): Promise<void> {
    await this.#storage.sync();
    this.ctx.abort("It was filled past its memory");
  }

  /** So many holds of new buyers, as many at once; what they sent is acknowledged, as the writer would. */
  async holdMany(count: number, atOnce: number, filling: Filling): Promise<void> {
    for (let done = 0; done < count; done += atOnce) {
      const commands = Array.from(
        { length: Math.min(atOnce, count - done) },
        (): HoldCommand => ({
          round: 1,
          jti: tokenId(Date.now(), filling),
          buyerId: `buyer-${random(12)}`,
          quantity: 1,
          client: random(16),
          hoarding: HOARDING,
          cause: CAUSE,
        }),
      );
      const answers = await Promise.all(commands.map(async (command) => unpack(await this.hold(command))));
      for (const answer of answers) {
        if (!answer.ok) throw new Error(`A hold was refused: ${JSON.stringify(answer)}`);
        this.#held.push(answer.value.order.orderId);
      }
      await this.#acknowledgeAll();
    }
  }

  /** All that was held is paid, and the writer has it. */
  async payAll(): Promise<void> {
    const pay = (orderId: string) =>
      this.pay({
        orderId,
        snapshot: null,
        paymentId: `pay-${random(12)}`,
        callback: { webhookId: random(16), digest: random(16) },
        cause: CAUSE,
      });
    const answers = await Promise.all(this.#held.splice(0).map(pay));
    const refused = answers.find((answer) => !answer.ok);
    if (refused !== undefined) throw new Error(`A payment was refused: ${JSON.stringify(refused)}`);
    await this.#acknowledgeAll();
  }

  async bytes(): Promise<number> {
    return this.#storage.sql.databaseSize;
  }

  async #acknowledgeAll(): Promise<void> {
    // What was sent is told in the order of sending; the last may still be on its way to the queue.
    await this.acknowledge(this.#sent.splice(0));
  }
}

/** Of a message, as the outbox writes it. */
function eventIdsIn(message: string): readonly string[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by event-messages.ts
  const { events } = JSON.parse(message) as { readonly events: readonly { readonly eventId: string }[] };
  return events.map(({ eventId }) => eventId);
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const product = env.PRODUCT.getByName(searchParams.get("object") ?? "bench");
    const count = Number(searchParams.get("count"));
    const filling = FILLINGS.find((each) => each === searchParams.get("filling")) ?? "asSold";
    switch (pathname) {
      case "/fill":
        await product.fill(count, Number(searchParams.get("spare")), filling);
        await product.forget().catch(() => undefined);
        break;
      case "/hold":
        await product.holdMany(count, Number(searchParams.get("atOnce")), filling);
        break;
      case "/pay":
        await product.payAll();
        break;
      case "/view":
        await product.view();
        break;
      case "/order":
        await product.order(makeOrderId(Date.now(), crypto.getRandomValues(new Uint8Array(ORDER_ID_BYTES))));
        break;
      case "/bytes":
        return Response.json(await product.bytes());
      case "/document":
        return Response.json(await product.document());
      default:
        return new Response(null, { status: 404 });
    }
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<BenchEnv>;

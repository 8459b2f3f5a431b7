/** What happens without anybody's will: time passes, the object is lost, alarms come, the queue fails, the writer writes. */
import * as fc from "fast-check";
import { vi } from "vitest";
import { evictProduct, outboxOf, runAlarm } from "../support/worker/products.ts";
import { command } from "./command.ts";
import { HOLD_SECONDS, LEAVE_MS } from "./product-model.ts";

export const moveClock = fc
  .constantFrom("a millisecond", "four seconds", "a hold", "before release", "release", "opening", "closing", "a day")
  .map((far) =>
    command(`moveClock(${far})`, async (model) => {
      const times: Readonly<Record<string, number | null>> = {
        "a millisecond": model.now + 1,
        "four seconds": model.now + 4000,
        "a hold": model.now + HOLD_SECONDS * 1000,
        "before release": (model.nextReleaseAt() ?? 0) - 1,
        release: model.nextReleaseAt(),
        opening: model.round.opensAt,
        // Where it goes there from, all that is left of the round is its end: rarely at once.
        closing: model.now > model.round.closesAt - 25_000 ? model.round.closesAt : null,
        // Between two rounds: it would end any round.
        "a day": model.round.closed ? model.now + 86_390_000 : null,
      };
      const now = Math.max(model.now, times[far] ?? 0);
      vi.setSystemTime(now);
      model.tick(now);
    }),
  );

export const lose = fc.constant(command("lose()", async (_model, { id }) => evictProduct(id)));

export const alarm = fc.constant(
  command("alarm()", async (_model, { id }) => {
    await runAlarm(id);
  }),
);

/** The writer has seen everything, days pass, and the alarm comes as often as it wants to. */
const leave = command("letLeave()", async (model, { id, product, queue }) => {
  // Only where it ends no round: most would not live to see their units sold.
  if (!model.round.closed && model.now + LEAVE_MS >= model.round.closesAt) return;
  queue.fail(false);
  for (const wait of [0, 301_000, LEAVE_MS, 200, 200]) {
    vi.setSystemTime(model.now + wait);
    model.tick(model.now + wait);
    await runAlarm(id);
    const pending = (await outboxOf(id)).map(({ eventId }) => eventId);
    const sent = new Set(queue.sentFor(id).map(({ eventId }) => eventId));
    const written = pending.filter((eventId) => sent.has(eventId));
    for (const eventId of written) model.acknowledged.add(eventId);
    await product.acknowledge(written);
  }
});

export const letLeave = fc.constant(leave);

/** What every story ends with: the round is over, and its orders leave. */
export const EPILOGUE = [
  command("endRound()", async (model) => {
    const now = Math.max(model.now, model.round.closesAt);
    vi.setSystemTime(now);
    model.tick(now);
  }),
  leave,
];

export const failQueue = fc
  .boolean()
  .map((failing) => command(`failQueue(${failing})`, async (_model, { queue }) => queue.fail(failing)));

/** The writer: what it was sent, in an order of its own, some of it twice. */
export const acknowledge = fc.infiniteStream(fc.nat({ max: 2 })).map((choices) =>
  command("acknowledge()", async (model, { id, product, queue }) => {
    const sent = [...new Set(queue.sentFor(id).map(({ eventId }) => eventId))];
    const chosen = sent.filter(() => choices.next().value === 0).toReversed();
    for (const eventId of chosen) model.acknowledged.add(eventId);
    await product.acknowledge([...chosen, ...chosen.slice(0, 2), "never.1"]);
  }),
);

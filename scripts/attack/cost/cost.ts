/** What requests cost the gateway, by who sent them: plain data, made inside the gateway and read outside. */
import * as v from "valibot";

/** Whose request it is, as the generator says it in the header below; `background` is what no request causes. */
export const SIDES = ["attacker", "honest", "other", "background"] as const;
export type Side = (typeof SIDES)[number];

/** The counting entry reads it, the gateway itself does not know it. */
export const SIDE_HEADER = "Attack-Side";
/** Where the counting entry tells its counts; the gateway never sees this path. */
export const COSTS_PATH = "/attack/costs";

/** Among the calls: how many holds were asked for by those that carry several, each on the side whose request made the call. */
export const HOLDS_IN_COMPANY = "holds in company";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const cost = v.object({
  requests: count,
  /** Calls to Durable Objects, by binding and method: `PRODUCT.hold`. */
  calls: v.record(v.string(), count),
  /** HTTP calls to an Upstash Redis. */
  redis: count,
  /** Messages to the queue. One that carries the events of several sides is shared by them, so this is no whole number. */
  messages: v.pipe(v.number(), v.minValue(0)),
});

export const costsDocument = v.object({ attacker: cost, honest: cost, other: cost, background: cost });

export type Cost = v.InferOutput<typeof cost>;
export type Costs = v.InferOutput<typeof costsDocument>;

function none(): Cost {
  return { requests: 0, calls: {}, redis: 0, messages: 0 };
}

export function newCosts(): Costs {
  return { attacker: none(), honest: none(), other: none(), background: none() };
}

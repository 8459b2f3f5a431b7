/** What the stages hand on to one another: bindings, and what is known of the request so far. */
import type { ListSubject } from "../durable-objects/control/protocol.ts";
import type { Config } from "./config.ts";
import type { ControlView } from "./control/control-copy.ts";

/** Where a request comes from. */
export interface Client {
  /**
   * The key that a client's limits count under: IPv4 as it is (IPv4-mapped IPv6 too), IPv6 cut to its /64 in canonical
   * form, or `unknown`: the one shared bucket of all requests without an address that Cloudflare vouches for.
   */
  readonly key: string;
  /** The whole address in canonical form; null in the shared bucket. */
  readonly address: string | null;
}

/** The merchant's authenticated user: the `sub` of the merchant's own JWT. */
export interface Buyer {
  readonly id: string;
  /** Everything else that the merchant's JWT says of him. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Variables {
  requestId: string;
  /** The last answer that has every header already; see `answer.ts`. */
  answered?: Response;
  config: Config;
  client: Client;
  /** The request's body, once somebody has read it. */
  body?: Uint8Array;
  /** The operator's lists and overrides, as the isolate's copy has them; not on the operator's and the origin's routes. */
  control?: ControlView;
  /** The operator's allow list has the client or the buyer. */
  allowed?: boolean;
  /** What of the request is on the operator's list of suspects. */
  suspects?: readonly ListSubject[];
  /** The buyer is proven, and has solved a challenge or was just given one: what is counted by address gives way. */
  countsAlone?: boolean;
  /** What the risk stage wants solved before a token. */
  demand?: "none" | "normal" | "harder";
}

export interface AppEnv {
  Bindings: Env;
  Variables: Variables;
}

/** The context of a route behind the identity stage. */
export interface BuyerEnv extends AppEnv {
  Variables: Variables & { buyer: Buyer };
}

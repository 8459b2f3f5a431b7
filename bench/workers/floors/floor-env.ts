/** What the floors' Worker is bound to, and what its objects say of themselves. */

/** Places in an outbox, both ends included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** In units and orders. */
export interface FloorLedgerBooks {
  readonly allocated: number;
  readonly available: number;
  readonly held: number;
  readonly orders: number;
  /** Orders of which the writer has not said that they are in Postgres. */
  readonly pending: number;
}

export interface FloorHold {
  readonly orderId: string;
  readonly buyerId: string;
  readonly at: number;
}

export interface FloorLedgerApi extends Rpc.DurableObjectBranded {
  /** The orders' ids: a buyer's earlier one where there is one. Null: sold out. */
  hold(holds: readonly FloorHold[]): Promise<(string | null)[]>;
  acknowledge(ranges: readonly SequenceRange[]): void;
  books(): FloorLedgerBooks;
  reset(stock: number): void;
}

export interface FloorCountsApi extends Rpc.DurableObjectBranded {
  take(owner: string, limit: number): boolean;
  taken(): number;
}

/** A message of the queue, as JSON text. */
export interface FloorMessage extends SequenceRange {
  readonly ledger: string;
  readonly orders: readonly FloorHold[];
}

export interface FloorEnv {
  readonly COUNTS: DurableObjectNamespace<FloorCountsApi>;
  readonly LEDGER: DurableObjectNamespace<FloorLedgerApi>;
  readonly TELLING_LEDGER: DurableObjectNamespace<FloorLedgerApi>;
  readonly ORDERS: Queue<string>;
  readonly ORIGIN_DB: Hyperdrive;
  /** base64url of the HS256 secret of purchase tokens, and its id. */
  readonly TOKEN_SECRET: string;
  readonly TOKEN_KID: string;
  /** Whose JWTs are believed: the public key, issuer and audience. */
  readonly SHOP: { readonly jwk: JsonWebKey; readonly issuer: string; readonly audience: string };
}

/** What the bench measures: servers that run as processes of their own, so that their CPU can be told apart from the load's. */

/** A server on loopback. */
export interface RunningServer {
  /** Without a path and without a slash at the end. */
  readonly url: string;
  /** The processes whose CPU counts as the server's; a database or Redis that it needs is among them. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** What a server that sells says of its stock, in units and orders: read after each run, since a fast wrong answer is no result. */
export interface SaleLedger {
  readonly allocated: number;
  readonly available: number;
  readonly held: number;
  /** Orders that the deciding store has. */
  readonly orders: number;
  /** Rows that Postgres has; 0 in one that writes none. */
  readonly rows: number;
}

/** A peer: what people would use instead of Sluice. */
export interface RunningPeer extends RunningServer {
  ledger(): Promise<SaleLedger>;
  /** Starts anew with so many units and no orders. */
  reset(stock: number): Promise<void>;
}

/** What a peer is started with. */
export interface PeerOptions {
  /** A Postgres of its own to work in; its tables may be there already. */
  readonly databaseUrl: string;
  readonly stock: number;
  /** Units that one buyer may hold. */
  readonly perBuyer: number;
  /** base64url of the HS256 secret that purchase tokens are signed with. */
  readonly tokenKey: string;
  /** Peer-specific variables, for instance POOL. */
  readonly env?: Readonly<Record<string, string>>;
}

/** An entry of the catalogue of peers. */
export interface Peer {
  readonly name: string;
  /** One line: what it does, and what it leaves out. */
  readonly tells: string;
  readonly kind: "stock" | "limits" | "refusals";
  /** Whether it does all that Sluice does between request and row: verify, limit, hold once per buyer durably, deliver. */
  readonly sameWork: boolean;
  start(options: PeerOptions): Promise<RunningPeer>;
}

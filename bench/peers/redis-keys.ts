/** The keys in Redis that the peers share. A file of its own: a Worker must not load a client of Redis for them. */
export const ALLOCATED = "bench:allocated";
/** Units left. */
export const AVAILABLE = "bench:available";
/** Buyer to order id. */
export const ORDERS = "bench:orders";
/** Orders on their way to Postgres. */
export const STREAM = "bench:stream";
/** The stream's one consumer group. */
export const WRITERS = "writers";

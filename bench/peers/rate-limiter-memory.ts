/** Peer: rate-limiter-flexible in the process's own memory: a fixed window from a key's first request on. */
import { RateLimiterMemory } from "rate-limiter-flexible";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { limitsBooks, limitsFace } from "./limits-face.ts";
import { isWithin } from "./memory-limits.ts";
import { runPeer } from "./serve.ts";

const env = readEnvironment();
const make = (): RateLimiterMemory => new RateLimiterMemory({ points: env.LIMIT, duration: WINDOW_SECONDS });
let limiter = make();
const books = limitsBooks(async () => {
  limiter = make();
});
await runPeer(
  limitsFace((client) => isWithin(limiter, client)),
  books,
  { port: env.PORT, stock: env.STOCK },
);

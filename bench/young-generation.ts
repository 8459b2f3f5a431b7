/**
 * V8's young generation at 1 MiB, for all that are compared: of whatever is garbage after a request each window has its share
 * then. As workerd starts it, it is collected once in half a second for more than a tenth of one, and a window meets that or does not.
 */
export const YOUNG_GENERATION = "--min-semi-space-size=1 --max-semi-space-size=1";
const V8_FLAGS = "MINIFLARE_WORKERD_V8_FLAGS";

/** Servers that are started by `work` have it. */
export async function withSmallYoungGeneration<Value>(work: () => Promise<Value>): Promise<Value> {
  const before = process.env[V8_FLAGS];
  process.env[V8_FLAGS] = YOUNG_GENERATION;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env[V8_FLAGS];
    else process.env[V8_FLAGS] = before;
  }
}

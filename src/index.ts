/** The Worker's entry: requests, order events, the clock; and the Durable Object classes. */
import { app } from "./app.ts";
import { loadConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { storeDeadLetters } from "./origin/dead-letters.ts";
import { reconcile } from "./origin/reconcile.ts";
import { writeBatch } from "./origin/writer/write-batch.ts";

export { LimiterObject } from "../durable-objects/limiter/limiter-object.ts";
export { ProductObject } from "../durable-objects/product/product-object.ts";

/** As in wrangler.toml. */
const DEAD_LETTER_QUEUE = "sluice-dead-letters";

export default {
  fetch: app.fetch,

  async queue(batch, env) {
    const config = loadConfig(env);
    // Nothing is lost: the queue brings the events again, and the outboxes keep them.
    if (config instanceof ConfigError) throw config;
    if (batch.queue === DEAD_LETTER_QUEUE) await storeDeadLetters(batch, env, config.writer);
    else await writeBatch(batch, env, config.writer);
  },

  async scheduled(_controller, env) {
    const config = loadConfig(env);
    if (config instanceof ConfigError) throw config;
    await reconcile(env, config.writer);
  },
} satisfies ExportedHandler<Env>;

/** The Worker's entry: requests, order events, the clock; and the Durable Object classes. */
import { app } from "./app.ts";
import { type Config, loadConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { describeFault, logEvent } from "./log.ts";
import { storeDeadLetters } from "./origin/dead-letters.ts";
import { reconcile } from "./origin/reconcile.ts";
import { writeBatch } from "./origin/writer/write-batch.ts";

export { ControlObject } from "../durable-objects/control/control-object.ts";
export { LimiterObject } from "../durable-objects/limiter/limiter-object.ts";
export { ProductObject } from "../durable-objects/product/product-object.ts";

/** As in wrangler.toml. */
const DEAD_LETTER_QUEUE = "sluice-dead-letters";

export default {
  fetch: app.fetch,

  async queue(batch, env) {
    await logFaults(batch.queue, async () => {
      const config = requireConfig(env);
      if (batch.queue === DEAD_LETTER_QUEUE) await storeDeadLetters(batch, env, config.writer);
      else await writeBatch(batch, env, config.writer);
    });
  },

  async scheduled(_controller, env) {
    await logFaults("scheduled", () => reconcile(env, requireConfig(env).writer));
  },
} satisfies ExportedHandler<Env>;

/** Without a right configuration nothing is done, and nothing is lost: the queue brings the events again. */
function requireConfig(env: Env): Config {
  const config = loadConfig(env);
  if (config instanceof ConfigError) throw config;
  return config;
}

/** A fault in the background has no response to show itself in: it is logged, and thrown on for the platform to try again. */
async function logFaults(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (fault) {
    logEvent("error", "background-fault", { where, fault: describeFault(fault) });
    throw fault;
  }
}

/**
 * What the gateway is measured against: the least that a hono app on workerd can do, and the least that a call to a Durable
 * Object can cost. No rule, no storage, no header but hono's own.
 */
import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";

interface BareEnv {
  readonly NOOP: DurableObjectNamespace<NoopObject>;
}

/** Has SQLite storage, as the gateway's objects have, and does not touch it. */
export class NoopObject extends DurableObject {
  noop(): number {
    return 1;
  }
}

const app = new Hono<{ Bindings: BareEnv }>();

app.on(["GET", "POST"], "/bare", (c) => c.json({ now: Date.now() }));
app.on(["GET", "POST"], "/noop", async (c) => c.json({ done: await c.env.NOOP.getByName("one").noop() }));

export default app;

/**
 * What the gateway is measured against: the least that a hono app on workerd can do, and the least that a call to a Durable
 * Object can cost. No rule, no storage, no header but hono's own, save where it answers a refusal's bytes.
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

/** Made once: it never changes, and the least that can be done with it is to send it. */
const REFUSAL = JSON.stringify({
  type: "/problems/sold-out",
  title: "Sold out",
  status: 410,
  code: "sold-out",
  detail: "Nothing of this round is left, or fewer units than were asked for",
  available: 0,
});

const REFUSAL_HEADERS = {
  "Content-Type": "application/problem+json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};

const app = new Hono<{ Bindings: BareEnv }>();

app.on(["GET", "POST"], "/bare", (c) => c.json({ now: Date.now() }));
/** The same bytes as a refusal of the gateway's, by as little work as they take: what of a refusal's cost is its answer. */
app.on(
  ["GET", "POST"],
  "/refusal",
  () => new Response(REFUSAL, { status: 410, headers: { ...REFUSAL_HEADERS, "X-Request-Id": crypto.randomUUID() } }),
);
/** Two objects that share nothing but the process, for the bench of neighbours. */
app.get("/noop/quiet", async (c) => c.json({ done: await c.env.NOOP.getByName("quiet").noop() }));
app.on(["GET", "POST"], "/noop", async (c) => c.json({ done: await c.env.NOOP.getByName("one").noop() }));

export default app;

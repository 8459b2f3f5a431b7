/**
 * What the gateway is measured against: the least that a hono app on workerd can do, and the least that a call to a Durable
 * Object can cost. No rule, no storage, no header but hono's own, save where it answers a refusal's bytes.
 */
import { DurableObject } from "cloudflare:workers";
import { type Context, Hono } from "hono";

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

/** As a limit of the gateway's is told. */
const LIMITED = JSON.stringify({
  type: "/problems/rate-limited",
  title: "Too many requests",
  status: 429,
  code: "rate-limited",
  detail: "A limit on requests is reached",
});

const HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};
const REFUSAL_HEADERS = { ...HEADERS, "Content-Type": "application/problem+json" };
const LIMIT_HEADERS = {
  "Retry-After": "42",
  RateLimit: '"token-per-client";r=0;t=42',
  "RateLimit-Policy": '"token-per-client";q=60;w=60',
};

const DECODER = new TextDecoder();

const app = new Hono<{ Bindings: BareEnv }>();

app.on(["GET", "POST"], "/bare", (c) => c.json({ now: Date.now() }));
/** The same bytes as /v1/time has. */
app.get(
  "/time",
  () =>
    new Response(JSON.stringify({ now: Date.now() }), {
      headers: { ...HEADERS, "Content-Type": "application/json", "X-Request-Id": crypto.randomUUID() },
    }),
);

function refusal(status: number): Response {
  return new Response(REFUSAL, { status, headers: { ...REFUSAL_HEADERS, "X-Request-Id": crypto.randomUUID() } });
}

/** The same bytes as a refusal of the gateway's, by as little work as they take: what of a refusal's cost is its answer. */
app.on(["GET", "POST"], "/refusal", () => refusal(410));

/** The headers that bound a body, and the token: for who looks at one of a request's headers the platform makes them an object. */
function lookAtToken(c: Context): string {
  const [length, coding] = [c.req.header("Content-Length"), c.req.header("Transfer-Encoding")];
  return length === undefined || coding !== undefined ? "" : (c.req.header("Purchase-Token") ?? "");
}

/** Refuses what has no token at all. */
app.post("/refusal/looked", (c) => (lookAtToken(c) === "" ? c.body(null, 400) : refusal(403)));

/** Refuses by what a token says, which nobody has checked. */
app.post("/refusal/claims", (c) => {
  const [, payload = ""] = lookAtToken(c).split(".");
  const bytes = Uint8Array.fromBase64(payload, { alphabet: "base64url" });
  const claims: unknown = JSON.parse(DECODER.decode(bytes));
  return typeof claims === "object" && claims !== null && "jti" in claims ? refusal(410) : c.body(null, 400);
});

/** The same bytes as a refusal by a limit, behind a look at who it is. */
app.post("/refusal/limited", (c) =>
  c.req.header("CF-Connecting-IP") === undefined
    ? c.body(null, 400)
    : new Response(LIMITED, {
        status: 429,
        headers: { ...REFUSAL_HEADERS, ...LIMIT_HEADERS, "X-Request-Id": crypto.randomUUID() },
      }),
);
/** Two objects that share nothing but the process, for the bench of neighbours. */
app.get("/noop/quiet", async (c) => c.json({ done: await c.env.NOOP.getByName("quiet").noop() }));
app.on(["GET", "POST"], "/noop", async (c) => c.json({ done: await c.env.NOOP.getByName("one").noop() }));

export default app;

/**
 * POST /demo/identity: a stand-in for a shop's sign-in, which gives anybody a JWT for any name.
 *
 * It exists only where the secret DEMO is set, as the demo's `.dev.vars` does; elsewhere the route is not found.
 */
import type { Context } from "hono";
import { importJWK, SignJWT } from "jose";
import type { AppEnv } from "../context.ts";
import { readJson } from "../body.ts";
import { refuse } from "../problem.ts";
import type { Answer, Next } from "../way.ts";
import { demoIdentityRequest } from "../wire/requests.ts";

const LIFETIME = "1h";

/** Nothing of the demo is there unless its key is. */
export function requireDemo() {
  return function hideOutsideDemo(c: Context<AppEnv>, next: Next): Answer {
    return c.get("config").demo === null ? refuse(c, { code: "not-found" }) : next(c);
  };
}

export function signIn() {
  return async function signInToDemoShop(c: Context<AppEnv>): Promise<Response> {
    const { demo, identity } = c.get("config");
    if (demo === null) return refuse(c, { code: "not-found" });
    const body = await readJson(c, demoIdentityRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "ES256", kid: demo.identityKey.kid })
      .setIssuer(identity.issuer)
      .setAudience(identity.audience)
      .setSubject(body.value.buyerId)
      .setIssuedAt()
      .setExpirationTime(LIFETIME)
      .sign(await importJWK(demo.identityKey.privateJwk, "ES256"));
    c.header("Cache-Control", "no-store");
    return c.json({ token });
  };
}

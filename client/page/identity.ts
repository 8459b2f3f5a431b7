/**
 * Who the buyer is, as the shop says it.
 *
 * The page names an endpoint of the shop on its own origin, without any inline script:
 *
 *     <meta name="sluice-identity" content="/shop/sluice-identity">
 *
 * The endpoint is asked by POST, with the shop's cookies, and answers `{"token": "<the merchant's JWT>"}`. With the attribute
 * `data-demo-buyer` the body names the buyer, as the demo's `/demo/identity` wants it; no shop should believe such a body.
 */
import { isFields } from "../documents.ts";
import type { Identity } from "../gateway.ts";

const META = 'meta[name="sluice-identity"]';
const BUYER_KEY = "sluice:demo-buyer";
/** A JWT with less life left than this is asked for anew. Milliseconds. */
const MARGIN_MS = 20_000;

export interface PageIdentity {
  readonly identity: Identity;
  /** Tells the buyers of one browser apart in its memory: a shop's page has one, the demo one per name. */
  readonly memoryKey: string;
  /** Forgets the JWT, after the gateway did not accept it. */
  readonly forget: () => void;
}

/** `now`: the gateway's time, if known. `wantedBuyer`: the demo's `?buyer=`. */
export function pageIdentity(now: () => number | undefined, wantedBuyer: string | null): PageIdentity {
  const meta = document.querySelector<HTMLMetaElement>(META);
  const endpoint = meta?.content ?? "";
  const demoBuyer = meta?.dataset["demoBuyer"] === undefined ? undefined : (wantedBuyer ?? ownDemoBuyer());
  let kept: { readonly jwt: string; readonly expiresAt: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(demoBuyer === undefined ? {} : { buyerId: demoBuyer }),
      cache: "no-store",
    });
    const answer: unknown = await response.json();
    if (!response.ok || !isFields(answer) || typeof answer["token"] !== "string") {
      throw new Error(
        `The shop's identity endpoint must answer with a token, and answered with status ${response.status}`,
      );
    }
    kept = { jwt: answer["token"], expiresAt: expiryOf(answer["token"]) };
    return kept.jwt;
  }

  return {
    memoryKey: demoBuyer ?? "shop",
    forget: () => {
      kept = undefined;
    },
    identity: () => {
      const at = now();
      if (kept !== undefined && at !== undefined && at + MARGIN_MS < kept.expiresAt) return Promise.resolve(kept.jwt);
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
}

/** `exp` of a JWT in milliseconds; 0 where it cannot be read. The gateway verifies it, this only saves requests. */
function expiryOf(jwt: string): number {
  try {
    const payload = (jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const claims: unknown = JSON.parse(atob(payload));
    return isFields(claims) && typeof claims["exp"] === "number" ? claims["exp"] * 1000 : 0;
  } catch {
    return 0;
  }
}

/** A made-up buyer per tab: a second tab is a second buyer, a reload is not. */
function ownDemoBuyer(): string {
  // Not randomUUID: that exists on secure origins only, and the demo may be opened from a phone in the same network.
  const fresh = `buyer-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  try {
    const known = sessionStorage.getItem(BUYER_KEY);
    if (known !== null) return known;
    sessionStorage.setItem(BUYER_KEY, fresh);
  } catch {
    // Storage is forbidden: a reload is another buyer then.
  }
  return fresh;
}

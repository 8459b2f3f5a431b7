/**
 * The key that a purchase token can be bound to, and the proofs of having it (RFC 9449, DPoP).
 *
 * WebCrypto makes the key so that nobody can take it out, this page included: a token that is bound to it cannot be sold. It is
 * kept in IndexedDB, so that a reload goes on with it; where that is forbidden, it lives as long as the page. Pages that are
 * not served securely have no WebCrypto: there is no proof then, and the gateway's refusal stands.
 */

export interface ProvenCall {
  readonly method: string;
  /** May be relative to the page; query and fragment are left out. */
  readonly url: string;
  /** By the gateway's clock: milliseconds since the epoch. */
  readonly at: number;
  /** The bound token that is sent along. */
  readonly token?: string;
}

export interface Possession {
  /** A fresh proof for one call. Rejects where the browser makes no keys. */
  readonly prove: (call: ProvenCall) => Promise<string>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const DATABASE = "sluice";
const STORE = "keys";
const NAME = "possession";
/** 128 random bits. */
const JTI_BYTES = 16;

/** The browser's own key, made when the first proof is asked for. */
export function browserPossession(): Possession {
  let keys: Promise<CryptoKeyPair> | undefined;
  return {
    prove: async (call) => {
      keys ??= loadKeys();
      return sign(await keys, call);
    },
  };
}

async function sign({ publicKey, privateKey }: CryptoKeyPair, call: ProvenCall): Promise<string> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const { origin, pathname } = typeof location === "undefined" ? new URL(call.url) : new URL(call.url, location.href);
  const claims = {
    jti: encode(crypto.getRandomValues(new Uint8Array(JTI_BYTES))),
    htm: call.method,
    htu: origin + pathname,
    iat: Math.floor(call.at / 1000),
    ...(call.token === undefined ? {} : { ath: encode(await crypto.subtle.digest("SHA-256", toBytes(call.token))) }),
  };
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
  const signed = `${encodeJson(header)}.${encodeJson(claims)}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, toBytes(signed));
  return `${signed}.${encode(signature)}`;
}

/** The stored key; a new one where there is none. Of two pages that make one at once the first to store it wins. */
async function loadKeys(): Promise<CryptoKeyPair> {
  let database: IDBDatabase | undefined;
  try {
    database = await openDatabase();
    const stored = await read(database);
    if (stored !== undefined) return stored;
  } catch {
    // Forbidden: the key lives as long as the page.
  }
  const made = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  if (database === undefined) return made;
  try {
    await settled(database.transaction(STORE, "readwrite").objectStore(STORE).add(made, NAME));
    return made;
  } catch {
    return (await read(database).catch(() => undefined)) ?? made;
  }
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
  return settled(request);
}

async function read(database: IDBDatabase): Promise<CryptoKeyPair | undefined> {
  const stored: unknown = await settled(database.transaction(STORE).objectStore(STORE).get(NAME));
  return isKeyPair(stored) ? stored : undefined;
}

function isKeyPair(value: unknown): value is CryptoKeyPair {
  return (
    typeof value === "object" &&
    value !== null &&
    "privateKey" in value &&
    value.privateKey instanceof CryptoKey &&
    "publicKey" in value &&
    value.publicKey instanceof CryptoKey
  );
}

function settled<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed without saying why")));
  });
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function encodeJson(value: unknown): string {
  return encode(toBytes(JSON.stringify(value)));
}

/** Base64url. Not `toBase64`: browsers of some years ago do not have it. */
function encode(bytes: Uint8Array<ArrayBuffer> | ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A holder of a key, and the proofs that he makes with it (RFC 9449): valid, unless a test changes one thing. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { ORIGIN } from "./gateway.ts";

export interface ProofChanges {
  readonly header?: Readonly<Record<string, unknown>>;
  /** `undefined` takes a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signs in the holder's place. */
  readonly key?: CryptoKey;
}

export interface Prover {
  readonly jkt: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
  /** A proof for one call; with the token that comes along, if one does. */
  readonly prove: (path: string, token?: string, changes?: ProofChanges) => Promise<string>;
}

export async function makeProver(): Promise<Prover> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  return {
    jkt: await calculateJwkThumbprint(publicJwk),
    publicJwk,
    privateJwk: await exportJWK(privateKey),
    prove: async (path, token, { header, claims, key = privateKey } = {}) => {
      const ath = token === undefined ? {} : { ath: await athOf(token) };
      const all = {
        jti: crypto.randomUUID(),
        htm: "POST",
        htu: `${ORIGIN}${path}`,
        iat: Math.floor(Date.now() / 1000),
        ...ath,
        ...claims,
      };
      return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
        .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk: publicJwk, ...header })
        .sign(key);
    },
  };
}

export async function athOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}

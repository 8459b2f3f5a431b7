/** The worker that tries counters. ALTCHA's own loop, with the derivation that browsers have: PBKDF2 of WebCrypto. */
import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import { handler } from "altcha-lib/workers/shared";

handler({ deriveKey });

/** Measures what devices.ts builds on: `node scripts/attack/work/measure-trial.ts`, on a machine that does nothing else. */
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { cpus } from "node:os";

const ITERATIONS = 1000;
const TRIALS = 5000;
const ROUNDS = 5;
const KEY_BYTES = 32;
const NONCE_BYTES = 16;

const password = Buffer.concat([randomBytes(NONCE_BYTES), Buffer.alloc(4)]);
const salt = randomBytes(NONCE_BYTES);
const rounds = Array.from({ length: ROUNDS }, () => {
  const began = performance.now();
  for (let counter = 0; counter < TRIALS; counter++) {
    password.writeUInt32BE(counter, NONCE_BYTES);
    pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, "sha256");
  }
  return (performance.now() - began) / TRIALS;
});
console.log(`${cpus()[0]?.model ?? "unknown"}, one core, native code, ${ITERATIONS} iterations of PBKDF2/SHA-256`);
console.log(`ms per trial, ${ROUNDS} times ${TRIALS}: ${rounds.map((ms) => ms.toFixed(4)).join(" ")}`);

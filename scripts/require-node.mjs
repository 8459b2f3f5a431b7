/**
 * Says in one line that this Node is too old, where it would otherwise stop at the first `.ts` file with a stack.
 * Run before a program: `node --import ./scripts/require-node.mjs scripts/start.ts`. Plain JavaScript, because it must run
 * on the Node that it turns away.
 */

/** From here on Node runs TypeScript without a flag (https://nodejs.org/en/blog/release/v22.18.0). */
const LEAST = [22, 18];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
  console.error(
    `Sluice needs Node ${LEAST.join(".")} or newer, this is ${process.versions.node}: on Linux npm ci brings one along, elsewhere install one`,
  );
  process.exit(1);
}

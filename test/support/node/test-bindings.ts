/** The vars and secrets that tests on workerd run with: the demo's own, so that what `npm start` uses is what is tested. */
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

const example = new URL("../../../.dev.vars.example", import.meta.url);

export const testBindings = parseEnv(readFileSync(example, "utf8")) as Record<string, string>;

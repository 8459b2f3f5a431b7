/** .dev.vars: the local secrets, a plain dotenv file. Made from the example on the first start; never changed afterwards. */
import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { StartError } from "./start-error.ts";
import { PROJECT } from "./wrangler-environment.ts";

export type Vars = Readonly<Record<string, unknown>>;

/** The folder of what belongs to this user of the project. */
export const HOME = process.env["SLUICE_HOME"] || PROJECT;

const DEV_VARS = join(HOME, ".dev.vars");
const EXAMPLE = join(PROJECT, ".dev.vars.example");

/** Its path as a shell in the project's folder takes it. */
export function tellDevVars(): string {
  if (HOME === PROJECT) return "./.dev.vars";
  const path = resolve(DEV_VARS);
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

/** Copies the example to .dev.vars unless there is one; says whether it did. */
export async function ensureDevVars(): Promise<boolean> {
  if (existsSync(DEV_VARS)) return false;
  await mkdir(HOME, { recursive: true });
  await copyFile(EXAMPLE, DEV_VARS, constants.COPYFILE_EXCL);
  return true;
}

/** The variables of this project's .dev.vars; those of the example where there is none. */
export function readDevVars(): Promise<Record<string, string>> {
  return readVars(existsSync(DEV_VARS) ? DEV_VARS : EXAMPLE);
}

/** The public demo keys: for gateways that a program starts for itself, whatever the user's .dev.vars says. */
export function readDemoVars(): Promise<Record<string, string>> {
  return readVars(EXAMPLE);
}

async function readVars(path: string): Promise<Record<string, string>> {
  const parsed = parseEnv(await readFile(path, "utf8"));
  return Object.fromEntries(
    Object.entries(parsed).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** One variable, or an error that names it. */
export function requireVar(vars: Vars, name: string): string {
  const value = vars[name];
  if (typeof value !== "string" || value === "") throw new StartError(`${name} is missing in .dev.vars`);
  return value;
}

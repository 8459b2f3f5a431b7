/** How the project's programs behave: one line for what went wrong, a clean end on a signal, the exit status people expect. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { StartError } from "./start-error.ts";

/** Conventional exit status after SIGINT (128 + 2), for whoever insists with a second one. */
const INTERRUPTED = 130;

/** How soon after npm its program ends, in milliseconds. */
const PARENT_POLL_MS = 250;

/** Node's own strict parsing. @throws StartError with exit status 2 for anything that is not in `config`. */
export function parseArguments<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    const joined: Config = { ...config, args: joinNegatives(config) };
    return parseArgs(joined);
  } catch (fault) {
    if (fault instanceof Error && "code" in fault && String(fault.code).startsWith("ERR_PARSE_ARGS")) {
      const [first = ""] = fault.message.split(/\.? To specify|\n/);
      const told = first.replace(/argument is ambiguous\.?$/, "needs a value of its own, and is followed by an option");
      throw new StartError(`${told}; --help tells which there are`, 2);
    }
    throw fault;
  }
}

/** `--stock -1` as `--stock=-1`: Node takes it for a forgotten value, but whoever wrote it should hear what `--stock` wants. */
function joinNegatives({ args = process.argv.slice(2), options = {} }: ParseArgsConfig): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const option = joined.at(-1)?.replace(/^--/, "") ?? "";
    if (/^-\d/.test(arg) && options[option]?.type === "string") joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

/** The value of `--name`, from 1 to `most`. @throws StartError with exit status 2 when it is anything else. */
export function parseWholeNumber(name: string, text: string | undefined, standard: number, most: number): number {
  if (text === undefined) return standard;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > most) {
    throw new StartError(`--${name} must be a whole number from 1 to ${most}, not ${JSON.stringify(text)}`, 2);
  }
  return number;
}

/** The environment's PORT. @throws StartError when it is no port. */
export function parsePort(text: string | undefined, standard: number): number {
  if (text === undefined || text === "") return standard;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new StartError(`PORT must be a whole number from 1 to 65535, not ${JSON.stringify(text)}`, 2);
  }
  return port;
}

/** Runs a program to its end: what it returns is the exit status. */
export async function runProgram(main: () => Promise<number>): Promise<never> {
  try {
    process.exit(await main());
  } catch (fault) {
    if (!(fault instanceof StartError)) throw fault;
    console.error(fault.message);
    process.exit(fault.exitCode);
  }
}

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP; a second SIGINT ends the process at once. Under npm also when npm has
 * ended: a SIGTERM to npm does not reach what it runs.
 */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (told && signal === "SIGINT") process.exit(INTERRUPTED);
        told = true;
        resolve();
      });
    }
    if (process.env["npm_lifecycle_event"] !== undefined) {
      const parent = process.ppid;
      const watch = setInterval(() => {
        if (process.ppid === parent) return; // An orphan gets another parent.
        clearInterval(watch);
        resolve();
      }, PARENT_POLL_MS);
      watch.unref();
    }
  });
}

/** Starts the gateway on this machine with all its bindings real, and refuses to when its configuration is wrong. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../src/config-error.ts";
import { claimPort, freePort, listenAddresses } from "./addresses.ts";
import { bundleWorker } from "./bundle.ts";
import { checkWrangler, readWranglerConfig } from "./check-wrangler.ts";
import { type Vars, readDevVars } from "./dev-vars.ts";
import { tieWorkerd } from "./lifeline.ts";
import { startRuntime } from "./runtime.ts";
import { StartError } from "./start-error.ts";
import { PROJECT, wranglerEnvironment } from "./wrangler-environment.ts";

/** The Worker's own check of its configuration is asked for once the socket is up; it answers in milliseconds. */
const HEALTH_TIMEOUT_MS = 10_000;

export interface GatewayOptions {
  /** 0: a free one. */
  readonly port: number;
  /** Everything that must outlive the process is kept here. */
  readonly stateDir: string;
  readonly databaseUrl: string;
  /**
   * Secrets, and tables that replace those of [vars].
   * @default the variables of .dev.vars
   */
  readonly vars?: Vars;
  /**
   * Where to listen; `localhost`: on every loopback address of that name.
   * @default "127.0.0.1"
   */
  readonly host?: string;
  /** A bundle made before. @default made now */
  readonly script?: string;
}

export interface Gateway {
  readonly url: string;
  stop(): Promise<void>;
}

/** @throws StartError, in words for whoever started it. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const host = options.host ?? "127.0.0.1";
  const port = options.port === 0 ? await freePort() : options.port;
  const vars = options.vars ?? (await readDevVars());
  const config = join(PROJECT, "wrangler.toml");
  const wrangler = readWranglerConfig(config);
  tellConfigError(() => checkWrangler(wrangler, vars));

  await mkdir(options.stateDir, { recursive: true });
  const addresses = await claimPort(await listenAddresses(host), port);
  const script = options.script ?? (await bundleWorker(options.stateDir));
  Object.assign(process.env, wranglerEnvironment(options.stateDir, options.databaseUrl));

  // Held back until it is known whether the gateway serves: if not, one line says why.
  let told: string[] | undefined = [];
  const lifeline = tieWorkerd();
  let stop = async (): Promise<void> => lifeline.release();
  try {
    const runtime = await startRuntime({
      config,
      script,
      addresses,
      port,
      persistDir: join(options.stateDir, "gateway"),
      vars: { ...wrangler.vars, ...vars },
      tell: (line) => {
        if (told === undefined) console.error(line);
        else told.push(line);
      },
    });
    stop = async () => {
      await runtime.stop();
      lifeline.release();
    };
    const fault = await askHealth(`http://${addresses[0]}:${port}`);
    if (fault !== undefined) throw new StartError([...told.filter((line) => !line.includes(fault)), fault].join("\n"));
    for (const line of told) console.error(line);
    told = undefined;
    return { url: `http://${host}:${port}`, stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

/** What the Worker says is wrong with its configuration; undefined when it serves. */
async function askHealth(url: string): Promise<string | undefined> {
  const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
  const text = await response.text();
  if (response.ok) return undefined;
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === "object" && problem !== null && "detail" in problem) return String(problem.detail);
  } catch {
    // Plain text says it as well.
  }
  return text.split("\n")[0] ?? `The gateway answers ${response.status}`;
}

/** Runs a check, and tells a ConfigError to whoever starts the gateway. */
export function tellConfigError(check: () => void): void {
  try {
    check();
  } catch (fault) {
    if (fault instanceof ConfigError) throw new StartError(fault.message);
    throw fault;
  }
}

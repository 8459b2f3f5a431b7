/** A real gateway for tests: a process of its own, on its own port and state, that can be stopped, killed and started again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { freePort } from "../../../scripts/gateway/addresses.ts";
import { spawnGateway } from "../../../scripts/gateway/child.ts";
import { readDemoVars, requireVar, type Vars } from "../../../scripts/gateway/dev-vars.ts";

export interface GatewayOptions {
  /**
   * Kept when the gateway ends, so that another one can start on it.
   * @default a folder of its own, removed at the end
   */
  readonly stateDir?: string;
  /** @default a free one */
  readonly port?: number;
  /**
   * The run's own, by `createRunDatabase`, saves the seconds of setting one up.
   * @default an embedded Postgres below stateDir
   */
  readonly databaseUrl?: string;
  /** Replace the demo's secrets and the tables of [vars]. */
  readonly vars?: Vars;
}

export interface TestGateway {
  readonly url: string;
  readonly adminToken: string;
  readonly webhookSecret: string;
  readonly databaseUrl: string;
  /** What the gateway wrote to its terminal so far. */
  output(): string;
  readonly stop: () => Promise<void>;
  /** SIGKILL of everything that belongs to it. */
  readonly kill: () => Promise<void>;
}

/** Starts one and waits until it serves. Rejects with the line that it would print. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const vars = { ...(await readDemoVars()), ...options.vars };
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "sluice-state-")));
  const forget = async (): Promise<void> => {
    if (options.stateDir === undefined) await rm(stateDir, { recursive: true, force: true });
  };

  let output = "";
  try {
    const gateway = await spawnGateway(
      {
        port: options.port ?? (await freePort()),
        stateDir,
        vars,
        script: inject("workerScript"),
        ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
      },
      (text) => {
        output += text;
      },
    );
    const ending = (end: () => Promise<void>) => async (): Promise<void> => {
      await end();
      await forget();
    };
    return {
      url: gateway.url,
      adminToken: requireVar(vars, "ADMIN_TOKEN"),
      webhookSecret: requireVar(vars, "ORIGIN_WEBHOOK_SECRET"),
      databaseUrl: gateway.databaseUrl,
      output: () => output,
      stop: ending(gateway.stop),
      kill: ending(gateway.kill),
    };
  } catch (fault) {
    await forget();
    throw fault;
  }
}

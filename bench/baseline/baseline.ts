/** The baseline's server, and its subjects: what a request costs that asks nothing of anybody. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProgram } from "../program.ts";
import { expectStatuses, type Subject } from "../rounds.ts";
import type { RunningServer } from "../server.ts";

const SERVE = fileURLToPath(new URL("serve.ts", import.meta.url));

export async function startBaseline(): Promise<RunningServer> {
  const stateDir = await mkdtemp(join(tmpdir(), "sluice-bench-bare-"));
  const server = await startProgram(SERVE, [stateDir]);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

export const BARE = "bare handler";
export const BARE_POST = "bare handler, POST";
/** Answers what the gateway answers where all is sold. */
export const BARE_REFUSAL = "bare handler, a refusal's bytes";
export const REFUSAL_STATUS = 410;
export const NOOP = "no-op object call";

/** @param requests as the subject that is compared sends them, but for the path. */
export function baselineSubject(
  name: string,
  { url, pids }: RunningServer,
  requests: readonly string[],
  status = 200,
): Subject {
  return {
    name,
    prepare: async (_turn, { seconds, connections }) => ({
      load: { url, requests, connections, seconds },
      pids,
      audit: async (loaded) => expectStatuses(loaded, status),
    }),
  };
}

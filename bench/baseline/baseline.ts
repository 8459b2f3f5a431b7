/** The baseline's server, and its subjects: what a request costs that asks nothing of anybody. */
import { expectStatuses, type Subject } from "../rounds.ts";
import { startWorkerProgram } from "../serve-worker.ts";
import type { RunningServer } from "../server.ts";

export function startBaseline(): Promise<RunningServer> {
  return startWorkerProgram(new URL("serve.ts", import.meta.url), "bare");
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

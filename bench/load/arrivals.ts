/**
 * Open-loop load: requests leave at the moments that a plan names, whether or not earlier ones were answered, and a latency
 * counts from the planned moment. So nothing hides that a slow server makes its callers wait: no coordinated omission.
 *
 * The generator is a process of its own (arrivals-program.ts). Its timer, Node's, is up to 1 ms early: a request that leaves before
 * its moment counts from when it left.
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { readEndedChildren } from "../machine/cpu.ts";
import { latencyOf } from "../statistics.ts";
import type { Generator, Load, Loaded } from "./generator.ts";

/** One who arrives. */
export interface Arrival {
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** A whole HTTP/1.1 request. */
  readonly request: string;
  /** Where the answer is a token: it is used at once, from this address. */
  readonly checkoutFrom?: string;
}

const PROGRAM = fileURLToPath(new URL("arrivals-program.ts", import.meta.url));

const answer = v.object({
  /** The arrival's own call, or the checkout that followed. */
  step: v.picklist(["first", "checkout"]),
  at: v.number(),
  /** 0: no answer came. */
  status: v.number(),
  /** From the planned moment, or from when it was really sent where that was earlier. */
  latencyMs: v.number(),
  /** From the moment it was really sent: the server's own. */
  serviceMs: v.number(),
});

const played = v.object({ answers: v.array(answer), seconds: v.number(), connections: v.number() });

export type Answer = v.InferOutput<typeof answer>;

export interface Played extends v.InferOutput<typeof played> {
  readonly generatorMicros: number;
}

/** @param connectionsMost more callers than that wait for a connection, and their latency counts. */
export async function playArrivals(url: string, arrivals: Iterable<Arrival>, connectionsMost: number): Promise<Played> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-arrivals-"));
  try {
    const file = join(dir, "arrivals");
    const lines = createWriteStream(file);
    for (const arrival of arrivals) {
      if (!lines.write(`${JSON.stringify(arrival)}\n`)) await once(lines, "drain");
    }
    lines.end();
    await once(lines, "finish");
    const before = readEndedChildren();
    const child = spawn(process.execPath, [PROGRAM, url, file, String(connectionsMost)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [told] = await Promise.all([text(child.stdout), once(child, "close")]);
    return { ...v.parse(played, JSON.parse(told)), generatorMicros: readEndedChildren() - before };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Callers wait for a connection only far beyond what is planned. */
const CONNECTIONS_MOST = 1000;
const SECOND_MS = 1000;

/** A generator that sends a load's requests at a constant rate; the load's connections are the most that it opens. */
export function constantRate(perSecond: number): Generator {
  return {
    name: `constant rate of ${perSecond}/s`,
    async run({ url, requests, seconds }: Load): Promise<Loaded> {
      const count = seconds * perSecond;
      const arrivals = Array.from({ length: count }, (_, index) => ({
        at: (index * SECOND_MS) / perSecond,
        request: requests[index % requests.length] ?? "",
      }));
      const { answers, generatorMicros } = await playArrivals(url, arrivals, CONNECTIONS_MOST);
      const good = answers.filter(({ status }) => status !== 0);
      return {
        answered: good.length,
        sent: count,
        lost: count - good.length,
        seconds,
        latencyMs: latencyOf(good.map(({ latencyMs }) => latencyMs)),
        statuses: countStatuses(answers),
        generatorMicros,
      };
    },
  };
}

export function countStatuses(answers: readonly Pick<Answer, "status">[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

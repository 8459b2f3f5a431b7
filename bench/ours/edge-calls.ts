/** How many calls to objects and stores a refusal at the edge makes, counted in a gateway whose bindings count: scripts/attack/cost. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { COSTS_PATH, costsDocument, SIDE_HEADER } from "../../scripts/attack/cost/cost.ts";
import { bundleCountingWorker } from "../../scripts/attack/cost/counting-bundle.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import type { Ground } from "../ground.ts";
import type { RequestParts } from "../load/request.ts";
import { factOf } from "../ratios.ts";
import type { Fact } from "../results.ts";

/** Requests of each kind; more than an isolate's copy lives, so that its refreshing is seen, too. */
const REQUESTS = 600;
const AT_ONCE = 16;
/** The isolate's copies of a product and of the operator's lists are fetched anew behind some request's back. */
const REFRESHING = /^(?:PRODUCT\.view|CONTROL\.)/;

/** @param kindsOn the kinds of requests, made ready on a gateway. */
export async function countEdgeCalls(
  ground: Ground,
  kindsOn: (gateway: BenchGateway) => Promise<readonly { name: string; requests: readonly RequestParts[] }[]>,
): Promise<readonly Fact[]> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-counting-"));
  ground.keep({ stop: () => rm(dir, { recursive: true, force: true }) });
  const gateway = await ground.gateway({ script: await bundleCountingWorker(dir), name: "edge-counting" });
  const facts: Fact[] = [];
  for (const { name, requests } of await kindsOn(gateway)) {
    const before = await readCalls(gateway);
    await sendAll(gateway, requests);
    const made = await readCalls(gateway);
    let deciding = 0;
    let refreshing = 0;
    for (const [call, count] of Object.entries(made)) {
      const since = count - (before[call] ?? 0);
      if (REFRESHING.test(call)) refreshing += since;
      else deciding += since;
    }
    facts.push(
      factOf(`${name}: calls to objects and stores, of ${REQUESTS} requests`, deciding, "", 0),
      factOf(`${name}: copies refreshed meanwhile`, refreshing, ""),
    );
  }
  await gateway.stop();
  return facts;
}

async function readCalls({ url }: BenchGateway): Promise<Readonly<Record<string, number>>> {
  const { other } = v.parse(costsDocument, await (await fetch(`${url}${COSTS_PATH}`)).json());
  return { ...other.calls, redis: other.redis };
}

async function sendAll({ url }: BenchGateway, requests: readonly RequestParts[]): Promise<void> {
  const waiting = Array.from({ length: REQUESTS }, (_, index) => requests[index % requests.length]).values();
  const work = async (): Promise<void> => {
    for (const request of waiting) {
      if (request === undefined) return;
      const { method, path, address, headers, body } = request;
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: {
          "CF-Connecting-IP": address,
          "Content-Type": "application/json",
          [SIDE_HEADER]: "other",
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      });
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/**
 * `npm run plan -- --measure`: what each operation costs on this machine, written to scripts/plan/measured-costs.json.
 *
 * CPU is that of the gateway's workerd, read from /proc around runs of many equal calls; the load comes from this process and
 * is not in it. What else runs on the machine takes time, not CPU of workerd: wall times are the lesser figures. Rows are
 * counted in a second gateway, whose storage is wrapped.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { type Measured, OWN_COSTS_PATH, parseMeasured } from "../costs.ts";
import { bundleEntries } from "./bundle.ts";
import { type Tell, withGateway } from "./field.ts";
import { meterOrders } from "./orders.ts";
import { measureParts } from "./parts.ts";
import { findWorkerd } from "./process-cpu.ts";
import { measureRequests } from "./requests.ts";
import { FULL, type Sizes } from "./sizes.ts";

export interface MeasureOptions {
  readonly tell: Tell;
  /** @default as many as figures take */
  readonly sizes?: Sizes;
  /** A migrated database. @default embedded ones */
  readonly databaseUrl?: string;
}

/** Measures everything, and writes nothing. @throws StartError that names the operation which was not answered as expected. */
export async function measureCosts({ tell, sizes = FULL, ...database }: MeasureOptions): Promise<Measured> {
  const state = await mkdtemp(join(tmpdir(), "sluice-plan-"));
  try {
    tell("bundling");
    const scripts = await bundleEntries(state);
    const costing = withGateway({ state, script: scripts.measured, ...database }, async (field) => {
      const workerd = findWorkerd();
      const requests = await measureRequests(field, workerd, sizes, tell);
      return { ...requests, ...(await measureParts(field, workerd, sizes, tell)) };
    });
    if (sizes.undisturbed) await costing;
    const counting = withGateway({ state, script: scripts.metered, ...database }, (field) =>
      meterOrders(field, sizes, tell),
    );
    // Both have ended before the first fault is told.
    await Promise.allSettled([costing, counting]);
    return parseMeasured({
      at: new Date().toISOString(),
      command: "npm run plan -- --measure",
      machine: {
        cpu: cpus()[0]?.model ?? "unknown",
        cores: availableParallelism(),
        kernel: release(),
        node: process.versions.node,
      },
      costs: await costing,
      ...(await counting),
    });
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

/** The planner's own costs from now on. */
export async function writeCosts(measured: Measured): Promise<void> {
  await writeFile(OWN_COSTS_PATH, `${JSON.stringify(measured, undefined, 2)}\n`);
}

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

/** Measures everything and writes the file. */
export async function measureCosts(tell: Tell): Promise<Measured> {
  const state = await mkdtemp(join(tmpdir(), "sluice-plan-"));
  try {
    tell("bundling");
    const scripts = await bundleEntries(state);
    const costs = await withGateway(state, scripts.measured, async (field) => {
      const workerd = findWorkerd();
      const requests = await measureRequests(field, workerd, tell);
      return { ...requests, ...(await measureParts(field, workerd, tell)) };
    });
    const counted = await withGateway(state, scripts.metered, (field) => meterOrders(field, tell));
    const measured = parseMeasured({
      at: new Date().toISOString(),
      command: "npm run plan -- --measure",
      machine: {
        cpu: cpus()[0]?.model ?? "unknown",
        cores: availableParallelism(),
        kernel: release(),
        node: process.versions.node,
      },
      costs,
      ...counted,
    });
    await writeFile(OWN_COSTS_PATH, `${JSON.stringify(measured, undefined, 2)}\n`);
    return measured;
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

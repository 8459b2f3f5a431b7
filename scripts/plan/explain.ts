/** A plan's inputs, formulas and sources, for whoever checks it by hand. */
import { table } from "../rush/table.ts";
import type { BillLine } from "./bill.ts";
import { METERED, PARTS, REQUESTS } from "./costs.ts";
import type { Plan } from "./make-plan.ts";
import { LIMITS, PLAN } from "./platform.ts";
import { productPaceMs } from "./watching.ts";

export function formatExplanation(plan: Plan): string {
  const { costs, rules, sale, times } = plan;
  return [
    "Inputs",
    table(
      Object.entries({ ...sale.crowd, ...sale.round, ...sale.places }).map(([name, value]) => [name, String(value)]),
    ),
    "",
    "wrangler.toml",
    table(Object.entries(rules).map(([name, value]) => [name, JSON.stringify(value)])),
    "",
    "Page looks, mean time between two (client/pace.ts), in ms",
    table((["upcoming", "open", "held-out", "sold-out"] as const).map((state) => [state, productPaceMs(state)])),
    "",
    "Measured, in microseconds: CPU of the whole process; time alone, one after the other, and after a pause",
    table([
      ["", "CPU", "alone", "after a pause", "p95 of that"],
      ...REQUESTS.map((name) => {
        const { cpuMicros, wallMicros, restedMicros, rested95Micros } = costs.costs[name];
        return [name, cpuMicros, wallMicros, restedMicros, rested95Micros];
      }),
      ...PARTS.map((name) => [name, costs.costs[name].cpuMicros, costs.costs[name].wallMicros, "", ""]),
    ]),
    "",
    "Measured, rows read and written for each",
    table([["", "read", "written"], ...METERED.map((name) => [name, costs.rows[name].read, costs.rows[name].written])]),
    `  bytes: ${costs.bytes.order} an order in the object's database, ${costs.bytes.event} an event on its way`,
    "",
    "Service times in the simulation, in ms",
    `  a call to the product object ${ms(times.call)} (measured: productView)`,
    `  a command in a commit ${ms(times.command)} (holdCall - productView); a commit beside ${ms(times.commit)}`,
    `  an acknowledged event ${ms(times.acknowledgement)} (a command, by its rows); a limiter's take ${ms(times.limiterTake)}, its write ${ms(times.limiterFlush)}`,
    `  each call takes an object at least ${sale.places.objectPerSecond === null ? "nothing" : `${ms(1000 / sale.places.objectPerSecond)} (1 / --object-rate)`}`,
    `  holds/s of one object: 1000 / (call + command + commit / 512) = ${times.commandsPerSecond.toFixed(0)}`,
    "",
    "Limits",
    table(
      Object.entries(LIMITS).map(([name, { value, unit, source, read }]) => [
        name,
        value,
        unit,
        `${source}, read ${read}`,
      ]),
    ),
    "",
    "The bill, line by line",
    `  Workers Paid plan: $${PLAN.dollars} a month (${PLAN.source}, read ${PLAN.read})`,
    ...plan.bill.lines.flatMap(explainLine),
  ].join("\n");
}

function explainLine({
  item,
  amount,
  unit,
  included,
  dollars,
  dollarsBeyond,
  formula,
  source,
  read,
}: BillLine): readonly string[] {
  const rate = amount > 0 ? dollarsBeyond / amount : 0;
  const beyond = Number.isFinite(included) ? `max(0, ${amount.toFixed(3)} - ${included})` : "0";
  return [
    `  ${item}: ${formula} = ${amount.toFixed(3)} ${unit}`,
    `    alone ${beyond} x $${rate.toPrecision(3)} = $${dollars.toFixed(4)}; on top ${amount.toFixed(3)} x $${rate.toPrecision(3)} = $${dollarsBeyond.toFixed(4)}`,
    `    ${source}, read ${read}`,
  ];
}

function ms(value: number): string {
  return value.toFixed(3);
}

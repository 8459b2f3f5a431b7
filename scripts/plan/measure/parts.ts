/** What parts of requests cost, without a request around each: calls made inside the gateway, many in one request. */
import * as v from "valibot";
import { StartError } from "../../gateway/start-error.ts";
import type { Measured } from "../costs.ts";
import { type Field, round, type Tell, untilDelivered } from "./field.ts";
import { INNER_CALLS_PATH, innerCallsAnswer, type InnerCallsRequest } from "./inner-calls.ts";
import { cpuMicrosOf } from "./process-cpu.ts";
import { MEASURED_PRODUCT } from "./requests.ts";
import type { Sizes } from "./sizes.ts";

const CALLS_PER_REQUEST = 1000;
/** Commits of so many holds, and batches of so many events, against single ones. */
const TOGETHER = 100;
const MICROS_PER_MS = 1000;

type Cost = Measured["costs"]["commit"];

/** @param workerd the gateway's process. The measured product must be there. */
export async function measureParts(field: Field, workerd: number, sizes: Sizes, tell: Tell) {
  const { undisturbed, inner, singleHolds, singleBatches, flushes, flushingObjects } = sizes;
  let runs = 0;
  async function calls(
    kind: InnerCallsRequest["kind"],
    count: number,
    together: number,
    perRequest = CALLS_PER_REQUEST,
  ): Promise<Cost> {
    tell(`measuring ${kind}, ${together} at once`);
    const began = cpuMicrosOf(workerd);
    let wallMs = 0;
    for (let done = 0; done < count; done += perRequest) {
      const size = Math.min(perRequest, count - done);
      const request: InnerCallsRequest = {
        kind,
        product: MEASURED_PRODUCT,
        run: `inner-${runs++}`,
        count: size,
        together,
      };
      const body = JSON.stringify(request);
      const answer = await field.http.send({ method: "POST", path: INNER_CALLS_PATH, body, label: "inner" });
      const parsed = v.safeParse(innerCallsAnswer, answer.body);
      if (!parsed.success || parsed.output.failed > 0) {
        throw new StartError(`A call of ${kind} failed inside the gateway: ${JSON.stringify(answer.body)}`);
      }
      wallMs += parsed.output.wallMs;
    }
    const cpuMicros = (cpuMicrosOf(workerd) - began) / count;
    return { cpuMicros: round(cpuMicros), wallMicros: round((wallMs * MICROS_PER_MS) / count) };
  }

  const limiterTake = await calls("limiterTake", inner, 1);
  // One take to each object, and then a rest in which each writes. Once before: an object's first write makes its tables.
  await calls("limiterFlush", flushingObjects, flushingObjects);
  const takeAndFlush = await calls("limiterFlush", flushes * flushingObjects, flushingObjects, flushingObjects);
  const flushMicros = round(Math.max(0, takeAndFlush.cpuMicros - limiterTake.cpuMicros));
  const limiterFlush = { cpuMicros: flushMicros, wallMicros: flushMicros };
  const productView = await calls("productView", inner, 1);
  const controlSnapshot = await calls("controlSnapshot", inner, 1);
  const holdsTogether = await calls("hold", inner, TOGETHER);
  if (undisturbed) await untilDelivered(field.api(MEASURED_PRODUCT));
  const holdsAlone = await calls("hold", singleHolds, 1);
  if (undisturbed) await untilDelivered(field.api(MEASURED_PRODUCT));
  const eventsTogether = await calls("writer", inner, TOGETHER);
  const eventsAlone = await calls("writer", singleBatches, 1);
  const [holdCall, commit] = split(holdsTogether, holdsAlone);
  const [writerEvent, writerBatch] = split(eventsTogether, eventsAlone);
  return { limiterTake, limiterFlush, productView, controlSnapshot, holdCall, commit, writerEvent, writerBatch };
}

/** Each of `TOGETHER` costs a + b / TOGETHER, one alone a + b: solved for a and b. */
function split(together: Cost, alone: Cost): readonly [each: Cost, beside: Cost] {
  const besideOf = (key: "cpuMicros" | "wallMicros"): number =>
    Math.max(0, (alone[key] - together[key]) / (1 - 1 / TOGETHER));
  const beside = { cpuMicros: round(besideOf("cpuMicros")), wallMicros: round(besideOf("wallMicros")) };
  const each = {
    cpuMicros: round(Math.max(0, alone.cpuMicros - beside.cpuMicros)),
    wallMicros: round(Math.max(0, alone.wallMicros - beside.wallMicros)),
  };
  return [each, beside];
}

/** A small app with the control stages, the operator's routes, and a control object: the real one, or one that does as told. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type Context, Hono } from "hono";
import type { ControlObject } from "../../../durable-objects/control/control-object.ts";
import type { ListSubject, NewEntry, PolicyOverride } from "../../../durable-objects/control/protocol.ts";
import type { Config } from "../../../src/config.ts";
import type { BuyerEnv } from "../../../src/context.ts";
import type { ControlView } from "../../../src/control/control-copy.ts";
import {
  type ControlEnv,
  forgetControl,
  loadControl,
  refuseListedBuyer,
  refuseListedClient,
} from "../../../src/control/control.ts";
import {
  deleteOverride,
  putListEntries,
  putOverride,
  removeListEntries,
  showControlAudit,
  showLimits,
  showLists,
} from "../../../src/operator/control-routes.ts";
import { requireOperator } from "../../../src/operator/operator.ts";
import { ok, refused } from "../../../src/result.ts";
import { way } from "../../../src/way.ts";

export const ADMIN_TOKEN = "an-operators-token-of-32-bytes-or-more";
export const POLICY = "token-per-client";

/** The real control object, under a name of its own per test file or test. */
export function controlStub(name: string): DurableObjectStub<ControlObject> {
  return env.CONTROL.getByName(name);
}

export async function evictControl(name: string): Promise<void> {
  await evictDurableObject(controlStub(name));
}

export async function runControlAlarm(name: string): Promise<boolean> {
  return runDurableObjectAlarm(controlStub(name));
}

export async function inControl<Value>(
  name: string,
  step: (instance: ControlObject, state: DurableObjectState) => Value | Promise<Value>,
): Promise<Value> {
  return runInDurableObject(controlStub(name), step);
}

export const CAUSE = { requestId: "test" };

export function makeEntry(changes: Partial<NewEntry> = {}): NewEntry {
  return { list: "deny", subject: "cidr", value: "203.0.113.0/24", expiresAt: null, reason: "a test", ...changes };
}

let names = 0;
export function makeName(): string {
  names += 1;
  return `control-${names}`;
}

/** Calls of the object's methods in their order; what a test sets in `instead` is done instead. */
export interface Spied {
  readonly binding: Env["CONTROL"];
  readonly calls: string[];
  instead: ((method: string) => Promise<unknown>) | null;
}

/** A binding whose one object is `name`, however it is asked for: an isolate's copy of its own for every test. */
export function spyOn(name: string): Spied {
  const spied: { calls: string[]; instead: Spied["instead"] } = { calls: [], instead: null };
  const getByName = () =>
    new Proxy(
      {},
      {
        get:
          (_target, method: string) =>
          async (...given: unknown[]) => {
            spied.calls.push(method);
            if (spied.instead !== null) {
              const answer = await spied.instead(method);
              if (answer !== undefined) return answer;
            }
            const stub = controlStub(name) as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>;
            return stub[method]?.(...given);
          },
      },
    );
  return Object.assign(spied, { binding: { getByName } as unknown as Env["CONTROL"] });
}

export interface GatewayRequest {
  readonly address?: string | null;
  readonly buyer?: string;
  readonly cf?: Readonly<Record<string, unknown>>;
}

export interface Passed {
  readonly allowed: boolean;
  readonly suspects: readonly ListSubject[];
  readonly overrides: Readonly<Record<string, PolicyOverride>>;
  readonly version: number;
}

interface TestEnv {
  Bindings: Env;
  Variables: ControlEnv["Variables"] & BuyerEnv["Variables"];
}

/** An isolate with a copy of its own; `views` has what every request that came through saw. */
export function gatewayOf(spied: Spied) {
  const views: ControlView[] = [];
  const app = new Hono<TestEnv>();
  app.use(async (c, next) => {
    c.set("requestId", c.req.header("test-request") ?? "request-1");
    const policies = [{ name: POLICY, limit: 60 }];
    c.set("config", { adminToken: ADMIN_TOKEN, limits: { policies } } as unknown as Config);
    c.set("client", { key: "unknown", address: c.req.header("test-address") ?? null });
    c.set("buyer", { id: c.req.header("test-buyer") ?? "alice", claims: {} });
    await next();
  });
  const showPassed = (c: Context<TestEnv>): Response => {
    const { overrides, version } = c.get("control");
    views.push(c.get("control"));
    const suspects = c.get("suspects") ?? [];
    return c.json({ allowed: c.get("allowed") ?? false, suspects, overrides: Object.fromEntries(overrides), version });
  };
  app.get("/sale", way(loadControl(), refuseListedClient(), refuseListedBuyer(), showPassed));
  const options = { forgetControl, parsePolicyOverride };
  app.get("/v1/admin/lists", way(requireOperator(), showLists()));
  app.post("/v1/admin/lists", way(requireOperator(), putListEntries(options)));
  app.post("/v1/admin/lists/remove", way(requireOperator(), removeListEntries(options)));
  app.get("/v1/admin/limits", way(requireOperator(), showLimits()));
  app.put("/v1/admin/limits/:policy", way(requireOperator(), putOverride(options)));
  app.delete("/v1/admin/limits/:policy", way(requireOperator(), deleteOverride(options)));
  app.get("/v1/admin/audit", way(requireOperator(), showControlAudit()));
  const bindings = { ...env, CONTROL: spied.binding };
  const background: Promise<unknown>[] = [];
  const context = { waitUntil: (work: Promise<unknown>) => background.push(work), passThroughOnException: () => {} };
  const ask = async (request: Request) =>
    app.request(request, undefined, bindings, context as unknown as ExecutionContext);
  return {
    views,
    /** Until the last refresh in the background has come back. */
    settled: async () => background.at(-1),
    /** A buyer's request; 200 with what the stages made of it, or the refusal. */
    buy: async ({ address = null, buyer, cf }: GatewayRequest = {}) => {
      const headers = {
        ...(address === null ? {} : { "test-address": address }),
        ...(buyer === undefined ? {} : { "test-buyer": buyer }),
      };
      const response = await ask(
        new Request("https://gateway.test/sale", { headers, ...(cf === undefined ? {} : { cf }) }),
      );
      const body = await response.json<Record<string, unknown>>();
      return { status: response.status, code: body["code"], body: body as unknown as Passed };
    },
    admin: async (
      method: string,
      path: string,
      body?: unknown,
      headers: Readonly<Record<string, string>> = operator(),
    ) => {
      const response = await ask(
        new Request(`https://gateway.test/v1/admin/${path}`, {
          method,
          headers,
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        }),
      );
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
      };
    },
  };
}

export function operator(): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${ADMIN_TOKEN}` };
}

/** Stands in for the limits' own check: it is handed in by the app. */
function parsePolicyOverride(raw: unknown) {
  const { limit, mode, expiresAt } = raw as { limit?: number; mode?: "enforce" | "shadow" | "off"; expiresAt: number };
  if (limit === undefined && mode === undefined) {
    return refused({
      code: "invalid-request",
      errors: [{ path: "", message: "Must have a limit or a mode" }],
    } as const);
  }
  return ok({ ...(limit === undefined ? {} : { limit }), ...(mode === undefined ? {} : { mode }), expiresAt });
}

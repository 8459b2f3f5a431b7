/**
 * Counts what the gateway does for each side: every binding is wrapped where the Worker and its objects get it, so that a
 * call is counted when it is made, whatever code makes it. Runs inside workerd, in the one isolate that a local gateway is.
 *
 * A call belongs to the side whose request it is made in, work behind the response included. What no request causes (the
 * writer, alarms) is `background`. It changes nothing that passes through.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { isAttackers } from "../names.ts";
import { type Cost, type Costs, HOLDS_IN_COMPANY, newCosts, type Side, SIDES } from "./cost.ts";

const costs: Costs = newCosts();
const side = new AsyncLocalStorage<Side>();
const wrapped = new WeakMap<object, object>();

type Methods = Readonly<Record<string | symbol, unknown>>;

/** The costs so far. */
export function readCosts(): Costs {
  return costs;
}

/** Runs a request as one of a side. */
export function asRequestOf<Value>(claimed: string | null, work: () => Value): Value {
  const known = SIDES.find((name) => name === claimed) ?? "background";
  costs[known].requests++;
  return side.run(known, work);
}

/** The same environment with every binding counted; always the same object for the same one, as the Worker expects. */
export function countEnv(env: object): object {
  let counted = wrapped.get(env);
  if (counted === undefined) {
    counted = Object.fromEntries(Object.entries(env).map(([name, binding]) => [name, countBinding(name, binding)]));
    wrapped.set(env, counted);
    countRedis(env);
  }
  return counted;
}

function present(): Cost {
  return costs[side.getStore() ?? "background"];
}

function countBinding(name: string, binding: unknown): unknown {
  if (!isBinding(binding)) return binding;
  if (typeof binding["idFromName"] === "function") return countNamespace(name, binding);
  if (typeof binding["sendBatch"] === "function") return countQueue(binding);
  return binding;
}

/** Bindings have a prototype of their own; a table of [vars] has not. */
function isBinding(value: unknown): value is Methods {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) !== Object.prototype;
}

/** A method as it is called on its own object: bindings refuse to be called on anything else. */
function bound(target: Methods, name: string | symbol): unknown {
  const value = target[name];
  return typeof value === "function" ? value.bind(target) : value;
}

function countNamespace(binding: string, namespace: Methods): unknown {
  return new Proxy(namespace, {
    get: (target, name) => {
      const value = bound(target, name);
      if ((name !== "get" && name !== "getByName") || typeof value !== "function") return value;
      return (...args: unknown[]) => countStub(binding, value(...args));
    },
  });
}

function countStub(binding: string, stub: Methods): unknown {
  return new Proxy(stub, {
    get: (target, name) => {
      const value = target[name];
      if (typeof value !== "function" || typeof name === "symbol") return value;
      return (...args: unknown[]) => {
        const { calls } = present();
        const call = `${binding}.${name}`;
        calls[call] = (calls[call] ?? 0) + 1;
        if (name === "holdAll" && Array.isArray(args[0])) {
          calls[HOLDS_IN_COMPANY] = (calls[HOLDS_IN_COMPANY] ?? 0) + args[0].length;
        }
        // Called on the stub itself: `apply` and `bind` of such a method would be calls to the object, too.
        return (target as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args);
      };
    },
  });
}

/** Messages leave from an object, outside any request: each belongs to the side whose buyer its event is about. */
function countQueue(queue: Methods): unknown {
  return new Proxy(queue, {
    get: (target, name) => {
      const value = bound(target, name);
      if (typeof value !== "function") return value;
      if (name === "send") return (body: unknown, ...rest: unknown[]) => (countMessage(body), value(body, ...rest));
      if (name !== "sendBatch") return value;
      return (messages: Iterable<{ readonly body: unknown }>, ...rest: unknown[]) => {
        const list = [...messages];
        for (const { body } of list) countMessage(body);
        return value(list, ...rest);
      };
    },
  });
}

/** A message carries several events, each of which takes its share of it. */
function countMessage(body: unknown): void {
  const buyers = buyersOf(body);
  for (const buyerId of buyers) {
    const owner = buyerId === null ? "background" : isAttackers(buyerId) ? "attacker" : "honest";
    costs[owner].messages += 1 / buyers.length;
  }
}

/** Whose order each event of a message is about; null: nobody's. */
function buyersOf(body: unknown): readonly (string | null)[] {
  const message: unknown = typeof body === "string" ? JSON.parse(body) : { events: [body] };
  const events = isRecord(message) && Array.isArray(message["events"]) ? message["events"] : [message];
  return events.map((event: unknown) =>
    isRecord(event) && typeof event["buyerId"] === "string" ? event["buyerId"] : null,
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Calls to the Upstash Redis, where one is configured: its client uses the global fetch. */
function countRedis(env: object): void {
  const url = "UPSTASH_REDIS_REST_URL" in env ? env.UPSTASH_REDIS_REST_URL : undefined;
  if (typeof url !== "string" || !URL.canParse(url)) return;
  const { origin } = new URL(url);
  const plainFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const target = input instanceof Request ? input.url : String(input);
    if (URL.canParse(target) && new URL(target).origin === origin) present().redis++;
    return plainFetch(input, init);
  };
}

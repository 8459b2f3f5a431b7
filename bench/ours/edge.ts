/** What the edge answers by itself: time, a product, and every refusal that asks no object. Targets 1, 2 and 5. */
import { StartError } from "../../scripts/gateway/start-error.ts";
import { ownAddress } from "../../scripts/rush/cast.ts";
import { BARE, BARE_POST, BARE_REFUSAL, baselineSubject, REFUSAL_STATUS } from "../baseline/baseline.ts";
import { EDGE_FLOORS, FORGED_FLOOR } from "../floors/floor-names.ts";
import { FORGED_FLOOR_PATH, floorRatios, forgedFloor } from "../floors/floors.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { forgeTokens, mintTokens, readTokenKey, signJwts } from "../gateway/passes.ts";
import { type BenchProduct, openProduct, UNKNOWN_GATE } from "../gateway/product.ts";
import type { Bench, Findings, Ground } from "../ground.ts";
import { estimateInterleaved, planWindows, runInterleaved } from "../interleaved.ts";
import { type RequestParts, wireRequest } from "../load/request.ts";
import { medianSlice, ratioOf, SERVER_CPU, THROUGHPUT } from "../ratios.ts";
import type { Cost } from "../results.ts";
import { expectStatuses, type Subject } from "../rounds.ts";
import type { RunningServer } from "../server.ts";
import { YOUNG_GENERATION, withSmallYoungGeneration } from "../young-generation.ts";
import { countEdgeCalls } from "./edge-calls.ts";
import { whileKeptInMind } from "./keep-in-mind.ts";

/** Least share of the bare handler's throughput, as the project wants it. */
const TARGETS = { time: 0.95, refusal: 0.85, forged: 0.7 };

/** Different requests of one kind: addresses and tokens change from one to the next, as in a crowd. */
const VARIETY = 2000;
const HOUR_MS = 60 * 60 * 1000;
/** More than the limits let through. */
const UNTIL_LIMITED = 400;
/** As wrangler.toml has it for tokens per client. */
const CLIENT_LIMIT = 60;
const BODY = '{"quantity":1}';
const FORGED = "forged token";
const [OPEN, SOLD_OUT, EARLY] = ["edge-open", "edge-sold-out", "edge-early"] as const;

/** One kind of request, and how it is answered. */
interface Kind {
  readonly name: string;
  readonly requests: readonly RequestParts[];
  readonly status: number;
  /** The problem's code; null for an answer that is no refusal. */
  readonly code: string | null;
  readonly target?: number;
  /** The least that answers the same bytes. */
  readonly floor?: string;
  /** Where the baseline serves it, if it has no subject otherwise. */
  readonly floorPath?: string;
  /** What the capacity planner calls it. */
  readonly cost?: string;
  /** A limit's window goes on: what it lets through again, with which status and how often at the most. */
  readonly letThrough?: { readonly status: number; readonly most: number };
}

const ABOUT_SUBJECTS = 17;

export const edge: Bench = {
  name: "edge",
  tells: "time, product and every refusal at the edge, against a bare hono handler",
  estimate: (plan) => 40 + estimateInterleaved(planWindows(plan), ABOUT_SUBJECTS),
  run: (ground) => withSmallYoungGeneration(() => measureEdge(ground)),
};

async function measureEdge(ground: Ground): Promise<Findings> {
  const plan = planWindows(ground.plan);
  const baseline = await ground.baseline();
  const gateway = await ground.gateway();
  const floors = await ground.floors(gateway);
  const kinds = await edgeKinds(gateway);
  for (const kind of kinds) await assertAnswer(gateway, kind);
  const [get, post] = [kinds.find((kind) => !isPost(kind)), kinds.find((kind) => isPost(kind))];
  const forged = kinds.find(({ name }) => name === FORGED);
  if (get === undefined || post === undefined || forged === undefined) {
    throw new Error("Expected kinds of GET and POST and a forged token to measure, found none");
  }
  const [genuine = ""] = await mintTokens({ ...readTokenKey(gateway.vars), gateway: "sluice" }, "edge", 1, ["edge"]);
  const subjects: readonly Subject[] = [
    baselineSubject(BARE, baseline, wire(get.requests, "/bare")),
    baselineSubject(BARE_POST, baseline, wire(post.requests, "/bare")),
    baselineSubject(BARE_REFUSAL, baseline, wire(post.requests, "/refusal"), REFUSAL_STATUS),
    ...kinds.flatMap((kind) => [edgeSubject(kind, gateway), ...ownFloor(kind, baseline)]),
    forgedFloor(floors, wire(forged.requests, FORGED_FLOOR_PATH), genuine),
  ];
  const reminders = kinds.flatMap(({ requests }) =>
    requests.slice(0, 1).map((request) => () => send(gateway, request)),
  );
  const { rounds, thrownAway } = await whileKeptInMind(reminders, () =>
    runInterleaved(subjects, plan, ground.generator, ground.tell),
  );
  const ratios = kinds.flatMap((kind) => {
    const { name, target, floor, code } = kind;
    const wanted = { subject: name, baseline: isPost(kind) ? BARE_POST : BARE };
    return [
      ratioOf(rounds, {
        ...wanted,
        ...(target === undefined ? {} : { target }),
        ...(floor === undefined ? {} : { floor }),
      }),
      ratioOf(rounds, wanted, SERVER_CPU),
      ...(code === null ? [] : [ratioOf(rounds, { subject: name, baseline: BARE_REFUSAL }, SERVER_CPU)]),
    ];
  });
  const costs: Record<string, Cost> = {};
  for (const { name, cost } of kinds) {
    if (cost !== undefined) costs[cost] = { cpuMicros: medianSlice(rounds, name).serverMicros };
  }
  ground.tell("counting calls");
  const facts = await countEdgeCalls(ground, edgeKinds);
  return {
    conditions: { ...plan, v8Flags: YOUNG_GENERATION },
    rounds,
    ratios: [
      ...ratios,
      ratioOf(rounds, { subject: BARE_REFUSAL, baseline: BARE_POST }),
      ratioOf(rounds, { subject: BARE_REFUSAL, baseline: BARE_POST }, SERVER_CPU),
      ...floorRatios(rounds, FORGED_FLOOR, { subject: FORGED, baseline: BARE_POST }, THROUGHPUT, SERVER_CPU),
    ],
    facts,
    costs,
    thrownAway,
    notes: [
      "Each is compared with a bare handler that gets the same bytes: the same method, headers and body",
      "All are under way at once and take turns of 60 ms, stopped in between; their collectors have a small young generation",
      "The floor of an answer is a bare handler that answers as many bytes, behind a look at what it is decided by, and no rule: the address, the token, its claims, its HMAC",
      "Refusals are also compared, in CPU, with one that answers the same bytes as well: what is left then is the deciding",
    ],
  };
}

/** It gets the requests of its kind. */
function ownFloor({ floor, floorPath, requests, status }: Kind, baseline: RunningServer): readonly Subject[] {
  if (floor === undefined || floorPath === undefined) return [];
  return [baselineSubject(floor, baseline, wire(requests, floorPath), status)];
}

function isPost({ requests }: Kind): boolean {
  return requests[0]?.method === "POST";
}

/** Every kind, each found to be answered as it should be. */
export async function edgeSubjects(gateway: BenchGateway): Promise<readonly Subject[]> {
  const kinds = await edgeKinds(gateway);
  for (const kind of kinds) await assertAnswer(gateway, kind);
  return kinds.map((kind) => edgeSubject(kind, gateway));
}

export async function edgeKinds(gateway: BenchGateway): Promise<readonly Kind[]> {
  const [open, soldOut, early] = await Promise.all([
    openProduct(gateway, OPEN, { stock: 1000 }),
    openProduct(gateway, SOLD_OUT, { stock: 1 }),
    openProduct(gateway, EARLY, { stock: 1000, opensInMs: HOUR_MS }),
  ]);
  const buyers = Array.from({ length: VARIETY }, (_, index) => `edge-${index}`);
  const mint = { ...readTokenKey(gateway.vars), gateway: "sluice" };
  const [openTokens, soldOutTokens, earlyTokens, jwts] = await Promise.all([
    mintTokens(mint, open.id, 1, buyers),
    mintTokens(mint, soldOut.id, 1, [...buyers, "edge-winner"]),
    mintTokens(mint, early.id, 1, buyers),
    signJwts(gateway.vars, buyers),
  ]);
  await sellOut(soldOut, soldOutTokens[VARIETY] ?? "");
  const get = (path: string) => parts({ method: "GET", path }, buyers);
  const checkouts = (path: string, tokens: readonly string[]) =>
    parts({ method: "POST", path, body: BODY }, buyers, (index) => ({ "Purchase-Token": tokens[index] ?? "" }));
  const tokens = (product: BenchProduct) =>
    parts({ method: "POST", path: `/v1/products/${product.id}/tokens`, body: "{}" }, buyers, (index) => ({
      Authorization: `Bearer ${jwts[index]}`,
    }));
  const refusal = { target: TARGETS.refusal, floor: BARE_REFUSAL };
  const oneClient = tokens(open).map((request) => ({ ...request, address: ownAddress(VARIETY) }));
  await reachLimit(gateway, oneClient);
  return [
    {
      name: "time",
      requests: get("/v1/time"),
      status: 200,
      code: null,
      target: TARGETS.time,
      floor: EDGE_FLOORS.time,
      floorPath: "/time",
      cost: "timeRead",
    },
    { name: "product", requests: get(`/v1/products/${open.id}`), status: 200, code: null, cost: "productRead" },
    {
      name: "sold out, at the checkout",
      requests: checkouts(soldOut.checkoutPath, soldOutTokens),
      status: 410,
      code: "sold-out",
      cost: "checkoutRefused",
      target: TARGETS.refusal,
      floor: EDGE_FLOORS.claims,
      floorPath: "/refusal/claims",
    },
    {
      name: "sold out, at the token",
      requests: tokens(soldOut),
      status: 410,
      code: "sold-out",
      cost: "refusalAtEdge",
      ...refusal,
    },
    {
      name: "too early",
      requests: checkouts(early.checkoutPath, earlyTokens),
      status: 425,
      code: "too-early",
      ...refusal,
    },
    {
      name: "wrong gate",
      requests: checkouts(`/v1/products/${open.id}/checkout/${UNKNOWN_GATE}`, openTokens),
      status: 403,
      code: "gate-invalid",
      ...refusal,
    },
    {
      name: "malformed token",
      requests: checkouts(
        open.checkoutPath,
        openTokens.map((token) => `${token}=`),
      ),
      status: 403,
      code: "token-invalid",
      target: TARGETS.refusal,
      floor: EDGE_FLOORS.looked,
      floorPath: "/refusal/looked",
    },
    {
      name: "over the limit, remembered",
      requests: oneClient,
      status: 429,
      code: "rate-limited",
      letThrough: { status: 201, most: CLIENT_LIMIT },
      target: TARGETS.refusal,
      floor: EDGE_FLOORS.limited,
      floorPath: "/refusal/limited",
    },
    {
      name: FORGED,
      requests: checkouts(open.checkoutPath, forgeTokens(openTokens)),
      status: 403,
      code: "token-invalid",
      target: TARGETS.forged,
      floor: FORGED_FLOOR,
      cost: "forgedToken",
    },
  ];
}

/** Its only unit is held and paid. */
async function sellOut(product: BenchProduct, token: string): Promise<void> {
  const order = await product.api.checkout(ownAddress(0), product.checkoutPath, token, 1);
  if (!order.ok) throw new Error(`Cannot sell ${product.id} out: ${order.code}`);
  const paid = await product.api.pay(order.value.orderId, `payment-${product.id}`);
  if (!paid.ok) throw new Error(`Cannot pay for ${product.id}: ${paid.code}`);
}

function parts(
  common: Omit<RequestParts, "address" | "headers">,
  buyers: readonly string[],
  headers: (index: number) => Readonly<Record<string, string>> = () => ({}),
): readonly RequestParts[] {
  return buyers.map((_, index) => ({ ...common, address: ownAddress(index), headers: headers(index) }));
}

function wire(requests: readonly RequestParts[], path?: string): readonly string[] {
  return requests.map((request) => wireRequest(path === undefined ? request : { ...request, path }));
}

function edgeSubject({ name, requests, status, letThrough }: Kind, gateway: BenchGateway): Subject {
  const prepared = wire(requests);
  const { url, pids } = gateway;
  return {
    name,
    async prepare(_turn, { seconds, connections }) {
      // Since its last turn the limit may have room again.
      if (letThrough !== undefined) await reachLimit(gateway, requests);
      return {
        load: { url, requests: prepared, connections, seconds },
        pids,
        audit: async (loaded) => {
          if (letThrough === undefined) return expectStatuses(loaded, status);
          const through = loaded.statuses[letThrough.status] ?? 0;
          const faults = [...expectStatuses(loaded, status, letThrough.status)];
          if (through > letThrough.most) faults.push(`${through} requests were let through`);
          return faults;
        },
      };
    },
  };
}

async function reachLimit(gateway: BenchGateway, requests: readonly RequestParts[]): Promise<void> {
  const answers = await Promise.all(requests.slice(0, UNTIL_LIMITED).map((request) => send(gateway, request)));
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
}

function send({ url }: BenchGateway, { method, path, address, headers, body }: RequestParts): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { "CF-Connecting-IP": address, "Content-Type": "application/json", ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

/** The generator sees the status only: what the answer says is looked at before. */
async function assertAnswer(gateway: BenchGateway, kind: Kind): Promise<void> {
  const request = kind.requests[1];
  if (request === undefined) throw new Error(`${kind.name} has no request`);
  const answer = await send(gateway, request);
  const body: unknown = await answer.json();
  const code = typeof body === "object" && body !== null && "code" in body ? body.code : null;
  if (answer.status !== kind.status || code !== kind.code) {
    throw new StartError(
      `${kind.name} is answered with ${answer.status} ${String(code)} instead of ${kind.status} ${String(kind.code)}`,
    );
  }
}

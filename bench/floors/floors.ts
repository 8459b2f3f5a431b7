/**
 * The floors' server and its subjects: what stands between the gateway and its targets that no gateway on this platform could
 * do without (workers/floors.ts). Each is audited like any subject: statuses, counts, rows.
 */
import postgres from "postgres";
import * as v from "valibot";
import { type Vars, requireVar } from "../../scripts/gateway/dev-vars.ts";
import type { RealPostgres } from "../../scripts/postgres/real-postgres.ts";
import { FORGED_FLOOR, HOLD_FLOORS, type HoldFloor, TOKEN_FLOORS, type TokenFloor } from "./floor-names.ts";
import { createDatabase } from "../gateway/gateway.ts";
import { readTokenKey } from "../gateway/passes.ts";
import { peerSubject } from "../peer-subject.ts";
import { countRows, resetPostgres } from "../peers/postgres-stock.ts";
import { type Measure, ratioOf, type Wanted } from "../ratios.ts";
import type { Ratio, Slice } from "../results.ts";
import { expectStatuses, type Subject } from "../rounds.ts";
import { startWorkerProgram } from "../serve-worker.ts";
import type { RunningPeer, RunningServer } from "../server.ts";

export const FORGED_FLOOR_PATH = "/forged";

/** How near the floor comes to what the subject is compared with, and what the subject costs above the floor. */
export function floorRatios(
  rounds: readonly (readonly Slice[])[],
  floor: string,
  { subject, baseline }: Wanted,
  ...measures: readonly Measure[]
): readonly Ratio[] {
  return measures.flatMap((measure) => [
    ratioOf(rounds, { subject: floor, baseline }, measure),
    ratioOf(rounds, { subject, baseline: floor }, measure),
  ]);
}

export interface RunningFloors extends RunningServer {
  readonly databaseUrl: string;
}

const identity = v.object({
  issuer: v.string(),
  audience: v.string(),
  jwks: v.object({ keys: v.tupleWithRest([v.looseObject({ kty: v.string() })], v.unknown()) }),
});

/** @param vars the gateway's: the floors believe the same shop, and take the same purchase tokens. */
export async function startFloors(database: RealPostgres, vars: Vars, name: string): Promise<RunningFloors> {
  const databaseUrl = await createDatabase(database, `floors_${name.replaceAll("-", "_")}`);
  const { issuer, audience, jwks } = v.parse(identity, JSON.parse(requireVar(vars, "IDENTITY")));
  const { kid, secret } = readTokenKey(vars);
  const bindings = { TOKEN_SECRET: secret, TOKEN_KID: kid, SHOP: { issuer, audience, jwk: jwks.keys[0] } };
  const args = [databaseUrl, JSON.stringify(bindings)];
  const server = await startWorkerProgram(new URL("serve.ts", import.meta.url), "floors", args);
  return { ...server, databaseUrl, pids: [...server.pids, database.pid] };
}

/** @param requests checkouts with forged tokens; a genuine one has to pass, or refusing would be no work. */
export function forgedFloor(floors: RunningFloors, requests: readonly string[], genuine: string): Subject {
  return {
    name: FORGED_FLOOR,
    async prepare(_turn, { seconds, connections }) {
      const passed = await fetch(`${floors.url}${FORGED_FLOOR_PATH}`, {
        method: "POST",
        headers: { "Purchase-Token": genuine },
      });
      await passed.arrayBuffer();
      return {
        load: { url: floors.url, requests, connections, seconds },
        pids: floors.pids,
        audit: async (loaded) => [
          ...(passed.ok ? [] : [`a genuine token was answered ${passed.status}`]),
          ...expectStatuses(loaded, 403),
        ],
      };
    },
  };
}

/** Where a kind of floor is asked. */
export function tokenFloorPath(floor: TokenFloor): string {
  return `/token/${floor}`;
}

export function holdFloorPath(floor: HoldFloor): string {
  return `/hold/${floor}`;
}

/** @param requestsOf the requests of a turn; each owner comes seldom enough to stay within the limits. */
export function tokenFloor(
  floors: RunningFloors,
  floor: TokenFloor,
  requestsOf: (turn: number) => readonly string[],
): Subject {
  const { url, pids } = floors;
  const owners = floor === "one" ? ["address"] : ["address", "buyer"];
  const taken = async (): Promise<readonly number[]> =>
    Promise.all(owners.map(async (owner) => Number(await (await fetch(`${url}/counts/${owner}`)).text())));
  return {
    name: TOKEN_FLOORS[floor],
    async prepare(turn, { seconds, connections }) {
      const before = await taken();
      return {
        load: { url, requests: requestsOf(turn), connections, seconds },
        pids,
        audit: async (loaded) => {
          const after = await taken();
          const counted = owners.map((owner, index) => [owner, (after[index] ?? 0) - (before[index] ?? 0)] as const);
          const wrong = counted.filter(([, count]) => count < loaded.answered || count > loaded.sent);
          return [
            ...expectStatuses(loaded, 201),
            ...wrong.map(([owner, count]) => `${loaded.answered} answers took ${count} units of each ${owner}`),
          ];
        },
      };
    },
  };
}

const books = v.object({
  allocated: v.number(),
  available: v.number(),
  held: v.number(),
  orders: v.number(),
  pending: v.number(),
});

/** As a peer that does the same work, its books judged by the same rules. */
export function holdFloor(floors: RunningFloors, floor: HoldFloor, requests: readonly string[]): Subject {
  const delivers = floor === "told";
  const url = `${floors.url}/books/${floor}`;
  const inPostgres = async <Value>(work: (sql: postgres.Sql) => Promise<Value>): Promise<Value> => {
    const sql = postgres(floors.databaseUrl, { max: 1, onnotice: () => {} });
    try {
      return await work(sql);
    } finally {
      await sql.end();
    }
  };
  const peer: RunningPeer = {
    ...floors,
    async ledger() {
      const { pending, ...ledger } = v.parse(books, await (await fetch(url)).json());
      // Delivered is what the ledger knows to be: the writer's acknowledgement is part of the work.
      const rows = delivers ? Math.min(await inPostgres(countRows), ledger.orders - pending) : 0;
      return { ...ledger, rows };
    },
    async reset(stock) {
      if (delivers) await inPostgres((sql) => resetPostgres(sql, stock));
      const headers = { "Content-Type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ stock }) });
      if (!response.ok) throw new Error(`A floor's reset answered ${response.status}`);
    },
  };
  return peerSubject(HOLD_FLOORS[floor], peer, requests, { delivers });
}

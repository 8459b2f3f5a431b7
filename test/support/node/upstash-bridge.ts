/**
 * The bridge that speaks Upstash's REST protocol in front of a real Redis (scripts/redis/upstash-rest.ts), for tests: it
 * fails as it is told.
 *
 * Faults are in the address, so that tests beside one another do not meet: `http://.../<fault>/<run>` is a database's URL,
 * and `GET http://.../calls/<run>` answers which commands came from it. Not for anything but tests: it knows one token.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { RedisConnection } from "../../../scripts/redis/redis-connection.ts";
import { bearerCheck, readCommands, restDatabase, sendAnswers, sendJson } from "../../../scripts/redis/upstash-rest.ts";

export const BRIDGE_TOKEN = "the bridge's token";

/**
 * `ok`; `silent`: never answers, the command is not run; `late`: runs it and never answers; `cut`: the connection ends;
 * `status-500`, `html`: as a gateway in between would; `garbage`, `empty`, `nothing`: JSON that is no answer; `error`: an
 * error of Redis; `forgetful`: has no script that it was given before.
 */
export const BRIDGE_FAULTS = [
  "ok",
  "silent",
  "late",
  "cut",
  "status-500",
  "html",
  "garbage",
  "empty",
  "nothing",
  "error",
  "forgetful",
] as const;

export type BridgeFault = (typeof BRIDGE_FAULTS)[number];

export interface Bridge {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function startBridge(redis: RedisConnection): Promise<Bridge> {
  const calls = new Map<string, string[]>();
  const database = restDatabase(redis);
  const isAuthorized = bearerCheck(BRIDGE_TOKEN);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first = "", run = "", endpoint = ""] = (request.url ?? "").split("/");
    if (first === "calls") return sendJson(response, 200, calls.get(run) ?? []);
    const callsOfRun = calls.get(run) ?? [];
    calls.set(run, callsOfRun);
    if (!isAuthorized(request.headers.authorization)) {
      return sendJson(response, 401, { error: "WRONGPASS invalid or missing auth token" });
    }
    const commands = readCommands(JSON.parse(await text(request)), endpoint);
    callsOfRun.push(...commands.map(([name = ""]) => name.toUpperCase()));
    const fault = first as BridgeFault;
    if (fault !== "ok" && fault !== "late" && fault !== "forgetful") return misbehave(fault, response);
    if (fault === "forgetful") await redis.send(["SCRIPT", "FLUSH", "SYNC"]);
    const answers = await database.run(commands, endpoint);
    if (fault === "late") return undefined;
    sendAnswers(response, answers, { endpoint, encoding: request.headers["upstash-encoding"] });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((fault: unknown) => sendJson(response, 400, { error: `ERR ${String(fault)}` }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** `silent` leaves the response open: it ends with the client's patience, or with the server. */
function misbehave(fault: Exclude<BridgeFault, "ok" | "late" | "forgetful">, response: ServerResponse): void {
  switch (fault) {
    case "silent":
      return;
    case "cut":
      response.socket?.destroy();
      return;
    case "status-500":
      return sendJson(response, 500, { error: "Internal Server Error" });
    case "html":
      response.writeHead(502, { "Content-Type": "text/html" });
      response.end("<html><body>Bad gateway</body></html>");
      return;
    case "garbage":
      return sendJson(response, 200, { result: ["bWF5YmU=", "eWVz", -7] });
    case "empty":
      return sendJson(response, 200, {});
    case "nothing":
      return sendJson(response, 200, { result: null });
    case "error":
      return sendJson(response, 400, { error: "OOM command not allowed when used memory > 'maxmemory'" });
  }
}

/**
 * What stands in for Upstash: its REST protocol in front of this machine's Redis, as fast as Node can, in a process of its own.
 *
 * One connection to Redis on which commands of one turn travel together, and kept-alive connections from the client. In
 * production this is Upstash's machine: its CPU is not counted as the peer's. What it can do alone is measured by tune.ts.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connectRedis } from "../../scripts/redis/redis-connection.ts";
import { bearerCheck, readCommands, restDatabase, sendAnswers, sendJson } from "../../scripts/redis/upstash-rest.ts";
import { readEnvironment } from "./environment.ts";
import { serveUntilTold } from "./serve.ts";

const env = readEnvironment();
const database = restDatabase(await connectRedis(env.REDIS_PORT));
const isAuthorized = bearerCheck(env.REST_TOKEN);

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    answer(request, Buffer.concat(chunks).toString(), response).catch((fault: unknown) =>
      sendJson(response, 400, { error: `ERR ${String(fault)}` }),
    );
  });
}

async function answer({ url = "/", headers }: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
  if (!isAuthorized(headers.authorization)) return sendJson(response, 401, { error: "WRONGPASS invalid auth token" });
  const endpoint = url.slice(1);
  const answers = await database.run(readCommands(JSON.parse(body), endpoint), endpoint);
  sendAnswers(response, answers, { endpoint, encoding: headers["upstash-encoding"] });
}

const server = createServer(receive);
server.listen(env.PORT, "127.0.0.1");
await once(server, "listening");
await serveUntilTold(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
process.exit(0);

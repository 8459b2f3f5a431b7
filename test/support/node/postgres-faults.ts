/**
 * Faulty ways to Postgres, for tests that run on workerd and cannot make them themselves: a POST to this server opens a
 * port on 127.0.0.1 that behaves as asked, and answers `{port}`.
 */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import * as v from "valibot";

const faultSchema = v.variant("kind", [
  /** Nothing listens. */
  v.strictObject({ kind: v.literal("refused") }),
  /** Connections are taken, and nothing is ever said. */
  v.strictObject({ kind: v.literal("silent") }),
  /** Postgres hears the first `times` COMMITs, the client does not hear its answers. */
  v.strictObject({ kind: v.literal("cut-after-commit"), host: v.string(), port: v.number(), times: v.number() }),
  /** The first `times` COMMITs do not reach Postgres. */
  v.strictObject({ kind: v.literal("cut-before-commit"), host: v.string(), port: v.number(), times: v.number() }),
]);

export type Fault = v.InferOutput<typeof faultSchema>;

export interface FaultServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** A simple query: its type, its length, its text and a zero byte; the drivers write it in lower case. */
const COMMIT = Buffer.from("commit\0");

export async function startFaultServer(): Promise<FaultServer> {
  const opened: Server[] = [];
  const sockets = new Set<Socket>();
  const control = createHttpServer((request, response) => {
    void text(request).then(async (body) => {
      const server = openFault(v.parse(faultSchema, JSON.parse(body)), sockets);
      const port = await listen(server);
      if (JSON.parse(body).kind === "refused") server.close();
      else opened.push(server);
      response.end(JSON.stringify({ port }));
    });
  });
  const port = await listen(control);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      for (const server of opened) server.close();
      control.closeAllConnections();
      control.close();
      await once(control, "close");
    },
  };
}

async function listen(
  server: { listen(port: number, host: string): unknown; address(): unknown } & Pick<Server, "once">,
): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server as Server, "listening");
  return (server.address() as AddressInfo).port;
}

function openFault(fault: Fault, sockets: Set<Socket>): Server {
  let cuts = "times" in fault ? fault.times : 0;
  return createServer((client) => {
    keep(client, sockets);
    if (fault.kind === "refused" || fault.kind === "silent") return;
    const server = keep(connect(fault.port, fault.host), sockets);
    let deaf = false;
    client.on("data", (chunk: Buffer) => {
      if (cuts > 0 && chunk.includes(COMMIT)) {
        cuts -= 1;
        deaf = true;
        if (fault.kind === "cut-before-commit") {
          client.destroy();
          server.destroy();
          return;
        }
      }
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      // The answer shows that Postgres has committed: now the client loses the connection instead of reading it.
      if (deaf) {
        client.destroy();
        server.destroy();
      } else client.write(chunk);
    });
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
  });
}

function keep(socket: Socket, sockets: Set<Socket>): Socket {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  // A cut connection is what these tests are about.
  socket.on("error", () => socket.destroy());
  return socket;
}

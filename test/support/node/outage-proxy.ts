/** A TCP proxy in front of a database that can be cut: to who stands behind it, that is the database going down. */
import { createServer, connect, type Server, type Socket } from "node:net";

export interface OutageProxy {
  /** The database's URL through the proxy. */
  readonly url: string;
  /** Every connection breaks, and no new one is accepted. */
  cut(): Promise<void>;
  /** Connections are accepted again. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOutageProxy(databaseUrl: string): Promise<OutageProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const accept = (client: Socket): void => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  };
  let server = await listen(accept, 0);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    cut,
    mend: async () => {
      server = await listen(accept, port);
    },
    stop: async () => {
      if (server.listening) await cut();
    },
  };
}

function listen(accept: (client: Socket) => void, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept);
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

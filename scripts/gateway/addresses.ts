/** Where the gateway listens: loopback, in every family that `localhost` leads to, and only on a port that is free. */
import { randomInt } from "node:crypto";
import { lookup } from "node:dns/promises";
import { createServer } from "node:net";
import { StartError } from "./start-error.ts";

/**
 * The addresses to listen on for a host name. A browser may try ::1 before 127.0.0.1 for `localhost`, so both are served
 * where both exist.
 */
export async function listenAddresses(host: string): Promise<readonly string[]> {
  if (host !== "localhost") return [host];
  const found = await lookup("localhost", { all: true });
  return [...new Set(["127.0.0.1", ...found.map(({ address }) => address)])];
}

/**
 * Those of the addresses on which the port can be had; the first must be among them.
 *
 * @throws StartError when somebody else listens there.
 */
export async function claimPort(addresses: readonly string[], port: number): Promise<readonly string[]> {
  const usable: string[] = [];
  for (const address of addresses) {
    const code = await tryListen(address, port);
    if (code === undefined) usable.push(address);
    else if (code === "EADDRNOTAVAIL" && usable.length > 0)
      continue; // A machine without IPv6 may still name ::1.
    else if (code === "EADDRINUSE") {
      throw new StartError(`Port ${port} is taken on ${address}: stop what listens there, or set PORT to another`);
    } else throw new StartError(`Cannot listen on ${address}, port ${port}: ${code}`);
  }
  return usable;
}

/** Below what Linux takes for outgoing connections (net.ipv4.ip_local_port_range, 32768 to 60999 unless changed). */
const FREE_PORTS = { from: 20_000, below: 32_768 };
const FREE_PORT_ATTEMPTS = 50;

/**
 * A port that nobody listens on at this moment, and that no outgoing connection will be given before it is listened on: under load
 * that happens to the ports that the system itself would choose.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < FREE_PORT_ATTEMPTS; attempt++) {
    const port = randomInt(FREE_PORTS.from, FREE_PORTS.below);
    if ((await tryListen(address, port)) === undefined) return port;
  }
  throw new Error(`${FREE_PORT_ATTEMPTS} ports of ${address} were tried, and none was free`);
}

function tryListen(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (fault: NodeJS.ErrnoException) => resolve(fault.code ?? fault.message));
    server.listen(port, address, () => server.close(() => resolve(undefined)));
  });
}

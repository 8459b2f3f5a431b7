/**
 * Peer: nginx's limit_req, for refusals: the cheapest "no" that people put in front of a shop. Its configuration is generated,
 * it listens on the loopback, one worker process as every other peer has one.
 *
 * limit_req is a leaky bucket: LIMIT at once, then one every WINDOW_SECONDS / LIMIT. This process starts it and ends it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { tieProcess } from "../../scripts/gateway/lifeline.ts";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { serveUntilTold } from "./serve.ts";

/** Holds some 100,000 keys. */
const ZONE = "16m";
const START_MS = 10_000;
const RETRY_MS = 20;
const MISSING = "There is no nginx on this machine: apt-get install nginx-light";

const env = readEnvironment();
const port = env.PORT === 0 ? await freePort() : env.PORT;
const home = await mkdtemp(join(tmpdir(), "sluice-nginx-"));
// Its workers are nobody.
await chmod(home, 0o755);
await writeFile(join(home, "limited"), "ok");

/** The file is what is answered: `return` would answer before the limit is asked. */
const configuration = `
daemon off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off;
  default_type text/plain;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  keepalive_requests 1000000000;
  limit_req_zone $http_x_client zone=clients:${ZONE} rate=${env.LIMIT * (60 / WINDOW_SECONDS)}r/m;
  limit_req_status 429;
  open_file_cache max=10;
  server {
    listen 127.0.0.1:${port};
    root ${home};
    location = /limited { limit_req zone=clients burst=${env.LIMIT - 1} nodelay; }
    location = /bench/ledger { return 200 '{"allocated":0,"available":0,"held":0,"orders":0,"rows":0}'; }
    location = /bench/reset { return 204; }
  }
}`;
const file = join(home, "nginx.conf");
await writeFile(file, configuration);

// Debian keeps it where only root's PATH leads.
const path = [process.env["PATH"], "/usr/sbin", "/usr/local/sbin"].join(delimiter);
const nginx = spawn("nginx", ["-p", home, "-c", file], { stdio: ["ignore", "ignore", "inherit"], env: { PATH: path } });
nginx.once("error", (fault) => {
  console.error("code" in fault && fault.code === "ENOENT" ? MISSING : fault.message);
  process.exit(1);
});
nginx.once("exit", (code) => {
  console.error(`nginx ended with code ${code}`);
  process.exit(1);
});
tieProcess(nginx);
await untilUp();
await serveUntilTold(`http://127.0.0.1:${port}`);
nginx.removeAllListeners("exit");
const ended = once(nginx, "exit");
nginx.kill("SIGTERM");
await ended;
await rm(home, { recursive: true, force: true });
process.exit(0);

async function untilUp(): Promise<void> {
  const until = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (fault) {
      if (performance.now() > until) throw new Error("nginx did not start", { cause: fault });
      await sleep(RETRY_MS);
    } finally {
      socket.destroy();
    }
  }
}

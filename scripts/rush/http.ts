/**
 * HTTP as a crowd of buyers does it, through a bounded number of kept connections.
 *
 * A call's latency counts from when its buyer makes it, the wait for a free connection included: what the buyer feels, and
 * more than the gateway takes. A call that fails without an answer is an outcome, never an exception.
 */
import { Agent, type IncomingMessage, request } from "node:http";

export interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Parsed JSON; undefined when it is none. */
  readonly body: unknown;
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** Sent as CF-Connecting-IP, which the local gateway believes. */
  readonly address?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What its latency is counted under. */
  readonly label: string;
}

/** Enough to keep two cores busy; more only wait inside workerd. */
const CONNECTIONS = 128;
const ANSWER_TIMEOUT_MS = 15_000;

export class HttpClient {
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;
  /** Milliseconds of every answered call, by label. */
  readonly latencies = new Map<string, number[]>();
  requests = 0;

  /** @param headers sent with every call. */
  constructor(url: string, connections: number = CONNECTIONS, headers: Readonly<Record<string, string>> = {}) {
    this.#url = new URL(url);
    this.#headers = headers;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: "fifo" });
  }

  async send(call: Call): Promise<Answer> {
    const began = performance.now();
    this.requests++;
    let answer = await this.#once(call);
    // The server may close an idle connection in the very moment it is used again: that call never arrived (RFC 9112, 9.3.1).
    // Again on a new one: those that were idle as long are closed as well.
    if (answer === "stale") answer = await this.#once(call, false);
    if (answer === "stale") return { status: 0, headers: {}, body: undefined };
    if (answer.status !== 0) {
      const list = this.latencies.get(call.label);
      if (list === undefined) this.latencies.set(call.label, [performance.now() - began]);
      else list.push(performance.now() - began);
    }
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #once(call: Call, agent: Agent | false = this.#agent): Promise<Answer | "stale"> {
    return new Promise((resolve) => {
      const sent = request({
        agent,
        hostname: this.#url.hostname,
        port: this.#url.port,
        method: call.method,
        path: call.path,
        timeout: ANSWER_TIMEOUT_MS,
        headers: {
          ...this.#headers,
          ...call.headers,
          ...(call.address === undefined ? {} : { "CF-Connecting-IP": call.address }),
          ...(call.body === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(call.body) }),
        },
      });
      const fail = (fault: NodeJS.ErrnoException): void => {
        const stale = sent.reusedSocket && (fault.code === "ECONNRESET" || fault.code === "EPIPE");
        resolve(stale ? "stale" : { status: 0, headers: {}, body: fault.code ?? fault.message });
      };
      sent.once("error", fail);
      sent.once("timeout", () => sent.destroy(new Error("No answer in time")));
      sent.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", fail);
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parse(Buffer.concat(chunks)) });
        });
      });
      sent.end(call.body);
    });
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

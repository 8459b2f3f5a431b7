/**
 * One HTTP/1.1 connection that sends prepared requests, one at a time, and reads whole answers with a Content-Length.
 *
 * Not node:http, which costs more CPU for a request than the gateway does: a generator must not be what is measured. It
 * gives up everything that the measured servers do not send: chunks, trailers, interim answers.
 */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

const HEAD_ENDS = "\r\n\r\n";
/** "HTTP/1.1 " stands before the status. */
const STATUS_FROM = 9;
const STATUS_TO = 12;

export class Connection {
  readonly #socket: Socket;
  #text = "";
  #waiting: { resolve(answer: RawAnswer): void; reject(fault: Error): void } | null = null;
  #broken: Error | null = null;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    // One byte a character: then a Content-Length counts characters, too.
    this.#socket = connect(Number(port), hostname).setNoDelay().setEncoding("latin1");
    this.#socket.on("data", (part: string) => this.#take(part));
    this.#socket.once("error", (fault) => this.#break(fault));
    this.#socket.once("close", () => this.#break(new Error("The server closed the connection")));
  }

  get isBroken(): boolean {
    return this.#broken !== null;
  }

  /** @throws what broke the connection. Only one request at a time. */
  send(request: string): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) reject(this.#broken);
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(part: string): void {
    this.#text += part;
    const head = this.#text.indexOf(HEAD_ENDS);
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, head + 2))?.[1] ?? 0);
    const end = head + HEAD_ENDS.length + length;
    if (this.#text.length < end) return;
    const answer = {
      status: Number(this.#text.slice(STATUS_FROM, STATUS_TO)),
      body: this.#text.slice(head + HEAD_ENDS.length, end),
    };
    this.#text = this.#text.slice(end);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(answer);
  }

  #break(fault: Error): void {
    this.#broken ??= fault;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#broken);
  }
}

/** Requests as the bytes that go over the wire: made before the measuring, so that the generator only sends. Pure. */

export interface RequestParts {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as CF-Connecting-IP, which the local gateway believes. */
  readonly address: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** As a browser names itself; the gateway reads it. */
const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/** One whole HTTP/1.1 request. */
export function wireRequest({ method, path, address, headers, body }: RequestParts): string {
  const all: Readonly<Record<string, string>> = {
    Host: "127.0.0.1",
    "User-Agent": USER_AGENT,
    Accept: "*/*",
    "CF-Connecting-IP": address,
    ...headers,
    ...(body === undefined
      ? {}
      : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
}

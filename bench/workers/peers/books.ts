/** On a Worker the bench's own questions go to the Node process that started it: it has the clients for them. */
import type { Hono } from "hono";

export function proxyBooks(app: Hono, booksUrl: string): Hono {
  app.all("/bench/:what", (c) => fetch(new Request(booksUrl + new URL(c.req.url).pathname, c.req.raw)));
  return app;
}

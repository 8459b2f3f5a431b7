/** The HTTP face of the peers that are nothing but limits: one route, counted by what X-Client says. */
import { Hono } from "hono";
import type { SaleLedger } from "../server.ts";
import type { Books } from "./serve.ts";

/** Whether one more request of this client is within its limit. */
export type Admit = (client: string) => Promise<boolean>;

export function limitsFace(admit: Admit): Hono {
  const app = new Hono();
  app.get("/limited", async (c) =>
    (await admit(c.req.header("X-Client") ?? "unknown")) ? c.text("ok") : c.text("rate-limited", 429),
  );
  return app;
}

/** Limits sell nothing. */
export const EMPTY_LEDGER: SaleLedger = { allocated: 0, available: 0, held: 0, orders: 0, rows: 0 };

/** @param forget takes back what was counted. */
export function limitsBooks(forget: () => Promise<unknown>): Books {
  return {
    ledger: () => Promise.resolve(EMPTY_LEDGER),
    reset: async () => {
      await forget();
    },
  };
}

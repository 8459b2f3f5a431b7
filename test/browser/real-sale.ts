/** The sale page of a real gateway, with a product for each test: registers its own hooks. */
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Browser, Page } from "playwright-core";
import type { Vars } from "../../scripts/gateway/dev-vars.ts";
import { startGateway, type TestGateway } from "../support/node/gateway.ts";
import { createRunDatabase } from "../support/node/run-database.ts";
import { launchChromium, openPage, type OpenPage, type OpenPageOptions } from "./chromium.ts";

export type Document = Readonly<Record<string, unknown>>;

export interface RealSale {
  readonly gateway: TestGateway;
  /** The page that was opened last. */
  readonly opened: OpenPage;
  /** A call of the operator's that must succeed. @param path below /v1/admin/products/ */
  readonly admin: (method: string, path: string, body?: object) => Promise<Document>;
  /** A product that is on sale, of its own for each test; returns its id. */
  readonly createProduct: (change?: object) => Promise<string>;
  /** Opens the product's page and waits until it knows the product. @param options.query begins with & */
  readonly open: (product: string, options?: OpenPageOptions & { readonly query?: string }) => Promise<Page>;
  readonly waitForPhase: (phase: string) => Promise<void>;
}

const OPEN_FOR_MS = 3_600_000;

/** The document of a call that must succeed. */
export async function read(response: Response): Promise<Document> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} must succeed, and answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

/**
 * Inside a `describe`: one browser and one gateway for its tests. A page that complains fails its test.
 *
 * @param topic names the gateway's database and its products.
 * @param makeVars called before the gateway starts.
 */
export function useRealSale(topic: string, makeVars: () => Vars = () => ({})): RealSale {
  let browser: Browser;
  let gateway: TestGateway;
  let opened: OpenPage;
  let products = 0;

  beforeAll(async () => {
    const starting = createRunDatabase(topic.replaceAll("-", "_")).then((databaseUrl) =>
      startGateway({ databaseUrl, vars: makeVars() }),
    );
    [browser, gateway] = await Promise.all([launchChromium(), starting]);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
  });
  afterEach(async () => {
    await opened.context.close();
    const { complaints } = opened;
    if (complaints.length > 0)
      throw new Error(`The page must run without complaints, and had: ${complaints.join("; ")}`);
  });

  async function admin(method: string, path: string, body?: object): Promise<Document> {
    const response = await fetch(`${gateway.url}/v1/admin/products/${path}`, {
      method,
      headers: { Authorization: `Bearer ${gateway.adminToken}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return read(response);
  }

  return {
    get gateway() {
      return gateway;
    },
    get opened() {
      return opened;
    },
    admin,
    createProduct: async (change = {}) => {
      products += 1;
      const id = `${topic}-${products}`;
      const rules = {
        title: "Trail lamp",
        price: 1999,
        currency: "EUR",
        stock: 3,
        opensAt: Date.now() - 1_000,
        closesAt: Date.now() + OPEN_FOR_MS,
        perBuyerLimit: 1,
        holdSeconds: 120,
      };
      await admin("PUT", id, { ...rules, ...change });
      return id;
    },
    open: async (product, { query = "", ...options } = {}) => {
      opened = await openPage(browser, `${gateway.url}/?product=${product}${query}`, options);
      await opened.page.waitForSelector("#sale:not([data-phase=loading])");
      return opened.page;
    },
    waitForPhase: async (phase) => {
      await opened.page.waitForSelector(`#sale[data-phase="${phase}"]`);
    },
  };
}

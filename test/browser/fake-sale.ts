/** The sale page of a fake gateway, opened anew for each test: registers its own hooks. */
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Browser } from "playwright-core";
import { type FakeGateway, type FakeProduct, startFakeGateway } from "../support/node/fake-gateway.ts";
import { buildScripts, launchChromium, openPage, type OpenPage, type OpenPageOptions } from "./chromium.ts";

export interface FakeSale {
  /** The gateway of the page that was opened last. */
  readonly gateway: FakeGateway;
  readonly opened: OpenPage;
  open(
    product?: Partial<FakeProduct>,
    options?: OpenPageOptions & { readonly query?: string; readonly clockAheadMs?: number },
  ): Promise<OpenPage["page"]>;
  waitForPhase(phase: string): Promise<void>;
}

/** Inside a `describe`: one browser for its tests, a gateway and a page for each. A page that complains fails its test. */
export function useFakeSale(): FakeSale {
  let browser: Browser;
  let scripts: Awaited<ReturnType<typeof buildScripts>>;
  let gateway: FakeGateway;
  let opened: OpenPage;

  beforeAll(async () => {
    [browser, scripts] = await Promise.all([launchChromium(), buildScripts()]);
  });
  afterAll(async () => {
    await browser.close();
    await scripts.remove();
  });
  afterEach(async () => {
    const { complaints } = opened;
    await opened.context.close();
    await gateway.stop();
    if (complaints.length > 0)
      throw new Error(`The page must run without complaints, and had: ${complaints.join("; ")}`);
  });

  return {
    get gateway() {
      return gateway;
    },
    get opened() {
      return opened;
    },
    async open(product = {}, { query = "", clockAheadMs = 0, ...pageOptions } = {}) {
      gateway = await startFakeGateway({ scripts: scripts.directory, product, clockAheadMs });
      opened = await openPage(browser, `${gateway.url}/${query}`, pageOptions);
      await opened.page.waitForSelector("#sale:not([data-phase=loading])");
      return opened.page;
    },
    async waitForPhase(phase) {
      await opened.page.waitForSelector(`#sale[data-phase="${phase}"]`);
    },
  };
}

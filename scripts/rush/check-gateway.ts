/** Before a sale: whether the gateway answers and knows the origin's secret, so that a wrong argument is not held against it. */
import { StartError } from "../gateway/start-error.ts";
import { HttpClient } from "./http.ts";
import { SaleApi } from "./sale-api.ts";
import type { Sale } from "./sale.ts";

/** No order has this id: the gateway checks the signature first, and then finds nothing. */
const NO_ORDER = "none";

/** Changes nothing at the gateway, and counts in no report. @throws StartError in one line. */
export async function checkGateway(sale: Pick<Sale, "url" | "adminToken" | "webhookSecrets">): Promise<void> {
  const http = new HttpClient(sale.url);
  try {
    const api = makeApi(http, sale);
    const time = await api.time();
    if (!time.ok && time.code === "no-answer") {
      throw new StartError(`Nothing answers at ${sale.url}: start a gateway there, or leave --url out`);
    }
    const paid = await api.pay(NO_ORDER, "check");
    if (paid.status === 401) {
      throw new StartError(
        `The gateway at ${sale.url} does not take the origin's secret: set --webhook-secret, or ORIGIN_WEBHOOK_SECRET of .dev.vars, to its own`,
      );
    }
    if (paid.status !== 404) {
      throw new StartError(
        `A payment of no order must be refused with 404, but the gateway at ${sale.url} answers ${paid.status}`,
      );
    }
  } finally {
    http.close();
  }
}

function makeApi(http: HttpClient, sale: Pick<Sale, "adminToken" | "webhookSecrets">): SaleApi {
  try {
    return new SaleApi(http, "rush-check", sale.adminToken, sale.webhookSecrets);
  } catch {
    throw new StartError("The origin's secret is none: --webhook-secret must be like whsec_ and base64");
  }
}

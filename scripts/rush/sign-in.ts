/** Signs buyers in at the demo's shop: each gets the JWT that says who it is. */
import { StartError } from "../gateway/start-error.ts";
import type { Buyer } from "./cast.ts";
import type { SaleApi } from "./sale-api.ts";

const AT_ONCE = 64;

/** The buyers' JWTs, in the same order. @throws StartError where the gateway is no demo. */
export async function signIn(
  api: SaleApi,
  buyers: readonly Pick<Buyer, "id" | "address">[],
): Promise<readonly string[]> {
  const identities: string[] = [];
  const waiting = buyers.entries(); // shared: each worker takes the next one
  const work = async (): Promise<void> => {
    for (const [index, buyer] of waiting) {
      const outcome = await api.identity(buyer.id, buyer.address);
      if (!outcome.ok) {
        throw new StartError(
          `POST /demo/identity answers ${outcome.code}: a rush needs a gateway with the demo's DEMO secret`,
        );
      }
      identities[index] = outcome.value.token;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return identities;
}

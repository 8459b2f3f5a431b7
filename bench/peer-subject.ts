/** A peer as a subject: begins anew each turn, and its books are judged after it. */
import { checkLedger } from "./peers/check.ts";
import { expectStatuses, type Subject } from "./rounds.ts";
import type { RunningPeer } from "./server.ts";

/** Never the limit of a turn. */
const STOCK = 1_000_000;
const HELD = 202;

/**
 * @param requests checkouts of different buyers, enough for two turns, which take a half each by turns: a buyer who comes
 * twice is refused, and whoever was under way when a turn ended may still be counted in the next.
 * @param delivers whether every order must be in Postgres.
 */
export function peerSubject(
  name: string,
  peer: RunningPeer,
  requests: readonly string[],
  { delivers }: { readonly delivers: boolean },
): Subject {
  return {
    name,
    async prepare(turn, { seconds, connections }) {
      await peer.reset(STOCK);
      const half = Math.floor(requests.length / 2);
      const start = (turn % 2) * half;
      return {
        load: { url: peer.url, requests: requests.slice(start, start + half), connections, seconds },
        pids: peer.pids,
        settle: async () => {
          await checkLedger(peer, { stock: STOCK, delivers });
        },
        audit: async (loaded) => {
          const { orders } = await peer.ledger();
          const faults = [...expectStatuses(loaded, HELD), ...(await checkLedger(peer, { stock: STOCK, delivers }))];
          // What was under way when the time was over may have made an order, too.
          if (orders < loaded.answered || orders > loaded.sent) {
            faults.push(`${loaded.answered} holds were confirmed and ${loaded.sent} asked for, there are ${orders}`);
          }
          return faults;
        },
      };
    },
  };
}

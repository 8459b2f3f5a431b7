/** Which challenge a request has to solve. Pure. */
import { CHALLENGE_KINDS, type ChallengeKind } from "./kinds.ts";

/**
 * What is asked of a request: `none`: nothing; `normal`: the product's first kind; `harder`: its last one, with more work
 * where the kind knows any.
 */
export type Demand = "none" | "normal" | "harder";

/**
 * Null: nothing has to be solved. A product without challenges asks for proof of work where `harder` is demanded.
 *
 * @throws TypeError for a kind that this gateway does not know: a product of a newer gateway is not sold without its check
 */
export function decideKind(challenges: readonly string[], demand: Demand): ChallengeKind | null {
  const kinds = challenges.map(assertKind);
  if (demand === "none") return null;
  return demand === "harder" ? (kinds.at(-1) ?? "pow") : (kinds[0] ?? null);
}

/** Whether a product asks everybody for a challenge before a token, whatever risk adds to it. */
export function asksChallenge({ challenges }: { readonly challenges: readonly string[] }): boolean {
  return decideKind(challenges, "normal") !== null;
}

function assertKind(name: string): ChallengeKind {
  const kind = CHALLENGE_KINDS.find((known) => known === name);
  if (kind === undefined) throw new TypeError(`Expected a challenge of ${CHALLENGE_KINDS.join(", ")}, found ${name}`);
  return kind;
}

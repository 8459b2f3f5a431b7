/** What the floors are called in the results. Pure, so that the picture can tell them. */

const PREFIX = "floor: ";

/** Of what is answered at the edge: as many bytes, behind no more than has to be looked at. */
export const EDGE_FLOORS = {
  time: `${PREFIX}the time's bytes`,
  looked: `${PREFIX}a refusal behind a look at the token`,
  claims: `${PREFIX}a refusal behind a token's claims`,
  limited: `${PREFIX}a refusal by a limit, behind a look at the address`,
};
export const FORGED_FLOOR = `${PREFIX}a forged token's HMAC`;
/** One count, which is too few for an address and a buyer; and both at the same time. */
export const TOKEN_FLOORS = { one: `${PREFIX}token, one count`, two: `${PREFIX}token, two counts` };
/** Without telling anybody of the order, and with queue, writer and Postgres. */
export const HOLD_FLOORS = { untold: `${PREFIX}hold, nobody told`, told: `${PREFIX}hold, told to Postgres` };

export type TokenFloor = keyof typeof TOKEN_FLOORS;
export type HoldFloor = keyof typeof HOLD_FLOORS;

export function isFloor(subject: string): boolean {
  return subject.startsWith(PREFIX);
}

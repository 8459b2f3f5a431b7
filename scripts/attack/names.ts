/** How the attackers' buyer ids begin: the counting entry tells the sides' events apart by it. */
const PREFIX = "attacker-";

/** The id of the attackers' buyer with this number, as a script makes accounts. */
export function countedUpId(number: number): string {
  return `${PREFIX}${number}`;
}

/** An id of the attackers' that looks like anybody's. @param random from 0 to 1. */
export function disguisedId(random: number): string {
  return `${PREFIX}${nameOf(random)}`;
}

/** The id of an honest buyer: people do not count up. @param random from 0 to 1. */
export function honestId(random: number): string {
  return `honest-${nameOf(random)}`;
}

/** Letters and digits, eight of them: two of some hundred are never the same. */
function nameOf(random: number): string {
  return Math.floor(random * 36 ** 8)
    .toString(36)
    .padStart(8, "0");
}

export function isAttackers(buyerId: string): boolean {
  return buyerId.startsWith(PREFIX);
}

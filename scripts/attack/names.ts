/** How the attackers' buyer ids begin: the counting entry tells the sides' events apart by it. */
const PREFIX = "attacker-";

/** The id of the attackers' buyer with this number. */
export function attackerId(number: number): string {
  return `${PREFIX}${number}`;
}

export function isAttackers(buyerId: string): boolean {
  return buyerId.startsWith(PREFIX);
}

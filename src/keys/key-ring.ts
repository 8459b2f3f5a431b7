/**
 * Which key of a ring signs now, and which verifies. Pure.
 *
 * The newest key whose time has begun signs. A key verifies by its `kid` until its end, also before it first signs: clocks of two
 * isolates may differ by a moment, and a rotation has no invalid one.
 */

export interface RingKey {
  readonly kid: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export function decideSigningKey<Key extends RingKey>(ring: readonly Key[], now: number): Key | null {
  const usable = ring.filter((key) => key.notBefore <= now && now < key.notAfter);
  return usable.reduce<Key | null>(
    (newest, key) => (newest === null || key.notBefore > newest.notBefore ? key : newest),
    null,
  );
}

export function decideVerifyingKey<Key extends RingKey>(ring: readonly Key[], kid: unknown, now: number): Key | null {
  return ring.find((key) => key.kid === kid && now < key.notAfter) ?? null;
}

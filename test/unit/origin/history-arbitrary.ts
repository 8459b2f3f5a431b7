/** Random histories of a product, for property tests. */
import * as fc from "fast-check";
import type { Step } from "./event-fixtures.ts";

/** Mostly buying, now and then something else; at most so many steps that a failure can still be read. */
const kinds = fc.constantFrom<Step["kind"]>(
  "hold",
  "hold",
  "hold",
  "hold",
  "pay",
  "pay",
  "cancel",
  "expire",
  "withdraw",
  "next-round",
);

export const historySteps: fc.Arbitrary<Step[]> = fc.array(fc.record({ kind: kinds, pick: fc.nat(11) }), {
  maxLength: 24,
});

/** Numbers to shuffle, repeat and cut by: as many as are asked for. */
export const choices: fc.Arbitrary<() => number> = fc
  .infiniteStream(fc.nat(999))
  .map((numbers) => () => numbers.next().value ?? 0);

/** The items in the order that the choices give. */
export function shuffle<Item>(items: readonly Item[], choose: () => number): Item[] {
  return items
    .map((item) => ({ item, key: choose() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

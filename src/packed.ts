/**
 * Answers of objects as text. A call whose answer is an object costs the runtime much more than one whose answer is a string:
 * it makes a disposer for each such answer, and serialises it key by key. So what is asked in every request is answered as JSON.
 */

declare const packs: unique symbol;

/** JSON of a `Value` that has nothing in it that JSON cannot say. */
export type Packed<Value> = string & { readonly [packs]: Value };

export function pack<Value>(value: Value): Packed<Value> {
  return JSON.stringify(value) as Packed<Value>;
}

export function unpack<Value>(packed: Packed<Value>): Value {
  return JSON.parse(packed) as Value;
}

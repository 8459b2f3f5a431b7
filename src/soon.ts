/**
 * A value that is there, or is still to come. Whoever has it at hand gives it at once: nothing in a refusal at the
 * edge waits for anybody (decision 0033).
 */
export type Soon<Value> = Value | Promise<Value>;

/** Goes on with the value: in the same step where it is there, later where it is not. */
export function after<Value, Next>(value: Soon<Value>, goOn: (value: Value) => Soon<Next>): Soon<Next> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}

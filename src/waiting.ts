/** Waiting, and not waiting for ever. */

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** It took longer. */
export const LATE = Symbol("late");

/** What the work gives, or that it takes longer. The work is abandoned then, not undone. */
export async function orLate<Value>(work: Promise<Value>, milliseconds: number): Promise<Value | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), milliseconds);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the work gives, or the fault if it takes longer. The work is abandoned then, not undone. */
export async function withTimeLimit<Value>(
  work: Promise<Value>,
  milliseconds: number,
  faultOf: () => Error,
): Promise<Value> {
  const value = await orLate(work, milliseconds);
  if (value === LATE) throw faultOf();
  return value;
}

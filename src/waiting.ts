/** Waiting, and not waiting for ever. */

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** What the work gives, or the fault if it takes longer. The work is abandoned then, not undone. */
export async function withTimeLimit<Value>(
  work: Promise<Value>,
  milliseconds: number,
  faultOf: () => Error,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(faultOf()), milliseconds);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

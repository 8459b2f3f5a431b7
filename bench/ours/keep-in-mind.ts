/**
 * In a crowd neither an isolate's copies of products nor what it remembers of a limit ever grow old. In windows a subject pauses for
 * longer than they last, and each window would begin with questions to objects.
 */

/** A copy is fetched anew from half a second on, and lasts for one; a limit's next unit comes after about one. */
const KEEP_IN_MIND_MS = 250;

/** Sends each of these now and then while the work is under way. */
export async function whileKeptInMind<Value>(
  sends: readonly (() => Promise<Response>)[],
  work: () => Promise<Value>,
): Promise<Value> {
  const timer = setInterval(() => {
    for (const send of sends) void remind(send);
  }, KEEP_IN_MIND_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function remind(send: () => Promise<Response>): Promise<void> {
  try {
    await (await send()).arrayBuffer();
  } catch {
    // What is wrong with the gateway the subjects' own answers tell.
  }
}

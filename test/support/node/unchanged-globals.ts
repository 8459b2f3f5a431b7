/** Files that share a process: what one of them does to a global must not reach the next. */
import { afterAll, afterEach, vi } from "vitest";

const SHARED = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "fetch", "crypto"] as const;

function readShared(): readonly unknown[] {
  return SHARED.map((name) => globalThis[name]);
}

const asFound = readShared();

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(() => {
  const changed = SHARED.filter((name, index) => globalThis[name] !== asFound[index]);
  if (changed.length > 0) throw new Error(`A test left globals changed: ${changed.join(", ")}`);
});

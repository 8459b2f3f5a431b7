/**
 * What several projects' globalSetups share: made once for the whole run, ended by the last who lets it go.
 *
 * Vitest loads a globalSetup anew for every project, in the same process: a variable of a module would be made anew as well,
 * so the list is kept at the process.
 */

export interface Shared<Value> {
  readonly value: Value;
  readonly end: () => Promise<void>;
}

interface Entry {
  readonly made: Promise<Shared<unknown>>;
  users: number;
}

const LIST = Symbol.for("sluice.test.shared");

function entries(): Map<string, Entry> {
  const kept: typeof globalThis & { [LIST]?: Map<string, Entry> } = globalThis;
  return (kept[LIST] ??= new Map());
}

/** Makes it where nobody has yet. `end` lets it go, and ends it when nobody else has it. */
export async function share<Value>(name: string, make: () => Promise<Shared<Value>>): Promise<Shared<Value>> {
  const list = entries();
  const entry = list.get(name) ?? { made: make(), users: 0 };
  list.set(name, entry);
  entry.users += 1;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is kept under a name is made by one function
  const { value, end } = (await entry.made) as Shared<Value>;
  return {
    value,
    end: async () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      list.delete(name);
      await end();
    },
  };
}

import { describe, expect, it } from "vitest";
import { GroupCommit, type GroupCommitOptions } from "../../../durable-objects/group-commit.ts";

interface Disk {
  readonly commits: number[][];
  /** The commit that is on its way reaches the disk. */
  flush(): void;
}

/** Doubles numbers; a negative one cannot be applied. */
function makeGroup(
  limits: Partial<Pick<GroupCommitOptions<number, number>, "maxBatch" | "maxWaiting" | "restAfter">> = {},
) {
  let onDisk = Promise.withResolvers<void>();
  const disk: Disk = {
    commits: [],
    flush() {
      const { resolve } = onDisk;
      onDisk = Promise.withResolvers<void>();
      resolve();
    },
  };
  const group = new GroupCommit<number, number>({
    commit: (commands) => {
      if (commands.some((command) => command < 0)) throw new RangeError("A command cannot be applied");
      disk.commits.push([...commands]);
      return commands.map((command) => command * 2);
    },
    durable: () => onDisk.promise,
    maxBatch: limits.maxBatch ?? 100,
    maxWaiting: limits.maxWaiting ?? 100,
    ...(limits.restAfter === undefined ? {} : { restAfter: limits.restAfter }),
  });
  return { group, disk };
}

/** Submits a command that must be taken. */
function submit(group: GroupCommit<number, number>, command: number): Promise<number> {
  const answer = group.submit(command);
  if (answer === undefined) throw new Error("The command was not taken");
  return answer;
}

/** Lets what is ready go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("GroupCommit.submit", () => {
  it("commits a lone command at once", async () => {
    const { group, disk } = makeGroup();
    const answer = submit(group, 4);
    expect(disk.commits).toEqual([[4]]);
    expect(await answer).toBe(8);
  });

  it("rests after a commit of many, and commits what came meanwhile together; a lone one is followed at once", async () => {
    const rest = Promise.withResolvers<void>();
    const { group, disk } = makeGroup({ restAfter: (commands) => (commands < 2 ? undefined : rest.promise) });
    const answers = [submit(group, 1), submit(group, 2), submit(group, 3)];
    await settle();
    disk.flush();
    await settle();
    expect(disk.commits).toEqual([[1], [2, 3]]);
    disk.flush();
    await settle();
    answers.push(submit(group, 4), submit(group, 5));
    await settle();
    expect(disk.commits).toEqual([[1], [2, 3]]);
    rest.resolve();
    await settle();
    expect(disk.commits).toEqual([[1], [2, 3], [4, 5]]);
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
  });

  it("gathers what arrives while a commit is on its way, and commits it together, in order", async () => {
    const { group, disk } = makeGroup();
    const answers = [submit(group, 1), submit(group, 2), submit(group, 3)];
    await settle();
    expect(disk.commits).toEqual([[1]]);
    disk.flush();
    expect(await Promise.all(answers)).toEqual([2, 4, 6]);
    expect(disk.commits).toEqual([[1], [2, 3]]);
  });

  it("commits at once again after it was idle", async () => {
    const { group, disk } = makeGroup();
    void submit(group, 1);
    disk.flush();
    await settle();
    void submit(group, 2);
    expect(disk.commits).toEqual([[1], [2]]);
  });

  it("takes no more than maxBatch into one commit", async () => {
    const { group, disk } = makeGroup({ maxBatch: 2 });
    const answers = [1, 2, 3, 4, 5].map((command) => submit(group, command));
    for (let turn = 0; turn < 4; turn++) {
      disk.flush();
      await settle();
    }
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
    expect(disk.commits).toEqual([[1], [2, 3], [4, 5]]);
  });

  it("F8 takes no more than maxWaiting: one more is not done at all, and is taken later", async () => {
    const { group, disk } = makeGroup({ maxWaiting: 2 });
    const answers = [submit(group, 1), submit(group, 2), submit(group, 3)];
    expect(group.submit(4)).toBeUndefined();
    disk.flush();
    await Promise.all(answers);
    disk.flush();
    await settle();
    expect(disk.commits.flat()).toEqual([1, 2, 3]);
    expect(await submit(group, 5)).toBe(10);
  });

  it("F7 lets a command that cannot be applied fail alone", async () => {
    const { group, disk } = makeGroup();
    const answers = [submit(group, 1), submit(group, 2), submit(group, -1), submit(group, 3)];
    disk.flush();
    const settled = await Promise.allSettled(answers);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(settled[2]).toMatchObject({ reason: expect.any(RangeError) });
    expect(disk.commits).toEqual([[1], [2], [3]]);
  });

  it("goes on after a lone command failed", async () => {
    const { group, disk } = makeGroup();
    await expect(submit(group, -1)).rejects.toThrow(RangeError);
    disk.flush();
    await settle();
    expect(await submit(group, 1)).toBe(2);
  });
});

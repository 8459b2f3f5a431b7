/**
 * This tree against another commit of itself: both bundled with this tree's packages and settings of wrangler's, each on a
 * gateway of its own, their slices alternated. A slow-down shows as a ratio below 1.
 *
 * The other commit must be one whose gateway this tree's database schema and demo secrets fit: far back they do not, and the
 * gateway says so when it starts.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "../scripts/gateway/start-error.ts";
import { PROJECT, wranglerEnvironment } from "../scripts/gateway/wrangler-environment.ts";
import type { Bench, Findings, Ground } from "./ground.ts";
import { edgeSubjects } from "./ours/edge.ts";
import { holdSubject } from "./ours/hold-subject.ts";
import { tokenSubject } from "./ours/token.ts";
import { ratioOf, SERVER_CPU } from "./ratios.ts";
import { runRounds, type Subject } from "./rounds.ts";

const run = promisify(execFile);

/** What is called slower: a ratio below this in the median, and below 1 in every round. */
const SLOWER = 0.9;

export function against(ref: string): Bench {
  return {
    name: "against",
    tells: `this tree against ${ref}`,
    estimate: ({ rounds, seconds }) => 40 + (rounds + 1) * 12 * (seconds + 1),
    run: (ground) => compare(ground, ref),
  };
}

async function compare(ground: Ground, ref: string): Promise<Findings> {
  const theirs = await checkOut(ref);
  ground.keep({ stop: theirs.remove });
  const script = await bundleIn(theirs.dir);
  const subjects: Subject[] = [];
  const names: string[] = [];
  for (const [suffix, options] of [
    ["ours", {}],
    ["theirs", { script, name: "against-theirs" }],
  ] as const) {
    const gateway = await ground.gateway(options);
    const made = [
      ...(await edgeSubjects(gateway)),
      await tokenSubject(gateway, { seconds: ground.plan.seconds }),
      holdSubject(gateway),
    ];
    if (names.length === 0) names.push(...made.map(({ name }) => name));
    subjects.push(...made.map((subject) => ({ ...subject, name: `${subject.name}, ${suffix}` })));
  }
  const { rounds, thrownAway } = await runRounds(paired(subjects), ground.plan, ground.generator, ground.tell);
  const pairs = names.map((name) => ({ subject: `${name}, ours`, baseline: `${name}, theirs` }));
  return {
    conditions: { ...ground.plan, ref, commit: theirs.commit },
    rounds,
    ratios: pairs.flatMap((pair) => [ratioOf(rounds, { ...pair, target: SLOWER }), ratioOf(rounds, pair, SERVER_CPU)]),
    thrownAway,
    notes: [`"theirs" is ${ref} (${theirs.commit}), with this tree's packages`],
  };
}

/** Ours and theirs of one kind after one another: what changes meanwhile meets both. */
function paired(subjects: readonly Subject[]): readonly Subject[] {
  const half = subjects.length / 2;
  return subjects.slice(0, half).flatMap((ours, index) => {
    const theirs = subjects[half + index];
    return theirs === undefined ? [ours] : [ours, theirs];
  });
}

interface CheckedOut {
  readonly dir: string;
  readonly commit: string;
  readonly remove: () => Promise<void>;
}

/** A git worktree of the ref below .sluice/, which git ignores. @throws StartError when there is no such ref. */
async function checkOut(ref: string): Promise<CheckedOut> {
  let commit: string;
  try {
    commit = (
      await run("git", ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], { cwd: PROJECT })
    ).stdout.trim();
  } catch {
    throw new StartError(`--against names no commit: ${ref}`, 2);
  }
  const dir = join(PROJECT, ".sluice", "against");
  const remove = async (): Promise<void> => {
    await run("git", ["worktree", "remove", "--force", dir], { cwd: PROJECT }).catch(() =>
      rm(dir, { recursive: true, force: true }),
    );
    await run("git", ["worktree", "prune"], { cwd: PROJECT });
  };
  if (existsSync(dir)) await remove();
  await mkdir(join(PROJECT, ".sluice"), { recursive: true });
  await run("git", ["worktree", "add", "--detach", dir, commit], { cwd: PROJECT });
  await symlink(join(PROJECT, "node_modules"), join(dir, "node_modules"));
  return { dir, commit: commit.slice(0, 12), remove };
}

/** As scripts/gateway/bundle.ts does it, in another tree. */
async function bundleIn(dir: string): Promise<string> {
  const outDir = join(dir, ".sluice", "bundle");
  const wrangler = join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outDir], {
    cwd: dir,
    env: { ...process.env, ...wranglerEnvironment(join(dir, ".sluice")), WRANGLER_LOG: "error" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (status !== 0) throw new StartError(`Cannot bundle the other commit: wrangler ended with ${status}`);
  return join(outDir, "index.js");
}

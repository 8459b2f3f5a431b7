/**
 * One process at a time on a state folder: two would share SQLite files and an embedded Postgres, and lose acknowledged orders.
 *
 * The claim is the operating system's lock on a file, taken through SQLite: it ends with the process, however that ends, so
 * that nothing stale is ever left to judge (a process id in a file is given again, in a container even to the same program).
 * What this gives up: folders on a network file system that has no locks.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "./start-error.ts";

const LOCK = "lock";
/** Whose lock it is, for the one line that a second process says; no part of the lock. */
const OWNER = "lock-owner";

/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** Open until this process ends: a lock that is collected as garbage would be let go. */
const held = new Map<string, DatabaseSync>();

/**
 * Makes the folder where it is missing, and claims it for as long as this process lives.
 *
 * @throws StartError that names the folder and the process that has it.
 */
export function claimState(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const lock = new DatabaseSync(join(dir, LOCK), { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (fault) {
    lock.close();
    if (!(fault instanceof Error && "errcode" in fault && fault.errcode === SQLITE_BUSY)) throw fault;
    throw new StartError(
      `The state folder ${dir} is in use by process ${readOwner(dir)}: stop that one, or set SLUICE_HOME to another folder`,
    );
  }
  held.set(dir, lock);
  writeFileSync(join(dir, OWNER), `${process.pid}\n`);
}

/** Removes everything in a folder that this process has claimed, but the claim: a lock on a removed file keeps nobody out. */
export async function clearState(dir: string): Promise<void> {
  if (!held.has(dir)) throw new Error(`The state folder ${dir} is cleared without being claimed`);
  const names = readdirSync(dir).filter((name) => name !== LOCK && name !== OWNER);
  await Promise.all(names.map((name) => rm(join(dir, name), { recursive: true, force: true })));
}

/** "unknown" in the moment between the lock and its owner's name. */
function readOwner(dir: string): string {
  try {
    return readFileSync(join(dir, OWNER), "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}

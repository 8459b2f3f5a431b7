/** How much CPU a gateway's workerd has used: read from /proc, so on Linux only. */
import { readdirSync, readFileSync } from "node:fs";
import { StartError } from "../../gateway/start-error.ts";

/** Linux counts CPU in ticks, and shows a hundred of them a second on every platform that Node runs on (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100;
const MICROS_PER_SECOND = 1_000_000;
/** Fields of /proc/<pid>/stat behind the command's closing bracket, from 0. */
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

interface Stat {
  readonly command: string;
  readonly fields: readonly string[];
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [open, close] = [text.indexOf("("), text.lastIndexOf(")")];
    return { command: text.slice(open + 1, close), fields: text.slice(close + 2).split(" ") };
  } catch {
    return undefined; // It ended between the listing and the look.
  }
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; at = Number(statOf(at)?.fields[PARENT] ?? 0)) if (at === ancestor) return true;
  return false;
}

/** The workerd that this process, or a process of its own, has started. @throws StartError where there is none or no /proc. */
export function findWorkerd(): number {
  let pids: readonly number[] = [];
  try {
    pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    throw new StartError(
      "CPU is measured by /proc, which this system does not have: costs can be measured on Linux only",
    );
  }
  const found = pids.find((pid) => statOf(pid)?.command === "workerd" && isBelow(pid, process.pid));
  if (found === undefined) throw new StartError("The gateway's workerd is not among the running processes");
  return found;
}

/** Microseconds of CPU, in user and system mode, that the process has used so far, to a hundredth of a second. */
export function cpuMicrosOf(pid: number): number {
  const fields = statOf(pid)?.fields ?? [];
  const ticks = Number(fields[USER_TICKS] ?? 0) + Number(fields[SYSTEM_TICKS] ?? 0);
  return (ticks * MICROS_PER_SECOND) / TICKS_PER_SECOND;
}

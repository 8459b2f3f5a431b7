/** Starts the writer behind Redis beside a peer that needs it. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const WRITER = fileURLToPath(new URL("stream-writer.ts", import.meta.url));

/** With this process's own environment; it ends with this process. */
export function startWriter(): void {
  const child = spawn(process.execPath, [WRITER], { stdio: ["pipe", "inherit", "inherit"] });
  child.once("exit", (code) => {
    // Without a writer the orders stay on their way for ever.
    if (code !== null && code !== 0) throw new Error(`The writer ended with code ${code}`);
  });
}

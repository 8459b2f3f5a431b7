/** A line that says how far the rush is: rewritten on a terminal, every two seconds elsewhere. To stderr, so that --json stays clean. */
const TERMINAL_EVERY_MS = 100;
const LOG_EVERY_MS = 2000;

/** Shows what `line` returns until the returned function is called. */
export function showProgress(line: () => string): () => void {
  const terminal = process.stderr.isTTY;
  const show = (): void => {
    process.stderr.write(terminal ? `\r\u001B[K${line()}` : `${line()}\n`); // CSI K: erase to the end of the line (ECMA-48)
  };
  const timer = setInterval(show, terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS);
  return () => {
    clearInterval(timer);
    if (terminal) process.stderr.write("\r\u001B[K");
  };
}

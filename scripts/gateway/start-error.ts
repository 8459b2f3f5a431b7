/** Why something did not start, told in one line to whoever started it. Carries no secret and no connection string. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** What the program exits with: 1 for the circumstances, 2 for its arguments. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

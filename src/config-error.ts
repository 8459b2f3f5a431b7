/** A configuration that the gateway refuses to serve with. Names the key; never carries a value, which may be a secret. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "misconfigured";
  /** Dotted, as in `LIMITS.policies.token-per-buyer.window_seconds`. */
  readonly key: string;

  constructor(key: string, message: string) {
    super(`${key}: ${message}`);
    this.key = key;
  }
}

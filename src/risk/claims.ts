/** What the shop's JWT says of an account, as far as it says it in a shape that can be read. Pure. */
import type { RiskConfig } from "./risk-config.ts";

const DAY_SECONDS = 86_400;

export interface Account {
  readonly accountAgeDays: number | null;
  readonly level: number | null;
  readonly verified: readonly string[] | null;
}

/** `created_at` is in seconds since the epoch, as every time in a JWT (RFC 7519); `verified` a list of names. */
export function readAccount(
  claims: Readonly<Record<string, unknown>>,
  names: RiskConfig["claims"],
  now: number,
): Account {
  const [createdAt, level, verified] = [claims[names.createdAt], claims[names.level], claims[names.verified]];
  const isTime = typeof createdAt === "number" && Number.isFinite(createdAt);
  return {
    accountAgeDays: isTime ? Math.max(0, (now / 1000 - createdAt) / DAY_SECONDS) : null,
    level: typeof level === "number" && Number.isFinite(level) ? level : null,
    verified: Array.isArray(verified) ? verified.filter((flag) => typeof flag === "string") : null,
  };
}

/** The gateway's compatibility settings, for whatever else is measured on the same workerd. */
import { join } from "node:path";
import * as v from "valibot";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { PROJECT } from "../../scripts/gateway/wrangler-environment.ts";

const settings = v.object({
  compatibility_date: v.string(),
  compatibility_flags: v.optional(v.array(v.string()), []),
});

/** As Miniflare names them. */
export function readCompatibility(): { readonly compatibilityDate: string; readonly compatibilityFlags: string[] } {
  const { rawConfig: raw }: { readonly rawConfig: unknown } = readRawConfig({ config: join(PROJECT, "wrangler.toml") });
  const { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags } = v.parse(settings, raw);
  return { compatibilityDate, compatibilityFlags };
}

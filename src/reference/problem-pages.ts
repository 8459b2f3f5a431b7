/** GET /problems/{code}: the page behind a problem's `type`, made of the refusals' own table. */
import type { Context } from "hono";
import { html } from "hono/html";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import { REFUSALS } from "../refusal.ts";

/** What is not a refusal, but may be met all the same. */
const INTERNAL = {
  status: 500,
  title: "Internal error",
  detail: "The gateway failed to answer: a defect, or the platform's fault",
  advice:
    "Try again; a purchase token may be sent again without fear of a second order. Tell the operator the X-Request-Id.",
} as const;

export function showProblem() {
  return function showProblemPage(c: Context<AppEnv>): Response | Promise<Response> {
    const code = c.req.param("code") ?? "";
    const telling = code === "internal" ? INTERNAL : Object.entries(REFUSALS).find(([known]) => known === code)?.[1];
    if (telling === undefined) return refuse(c, { code: "not-found" });
    c.header("Cache-Control", "public, max-age=3600");
    return c.html(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${telling.title} - Sluice</title></head>
<body>
<main>
<h1>${telling.title}</h1>
<p><code>${code}</code>, status ${telling.status}</p>
<p>${telling.detail}.</p>
<p>${telling.advice}</p>
</main>
</body>
</html>
`);
  };
}

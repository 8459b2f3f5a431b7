/** `npm run attack`: profiles of attackers against gateways of their own, with honest buyers in the sale; see attack/options.ts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Battle, type Battlefield, fight } from "./attack/battle.ts";
import { bundleCountingWorker } from "./attack/cost/counting-bundle.ts";
import { varsOf } from "./attack/defences.ts";
import type { Figures } from "./attack/judge.ts";
import { ATTACK_HELP, type AttackOptions, parseAttackOptions } from "./attack/options.ts";
import { brokenOf, formatAttack } from "./attack/table.ts";
import { writeFigures } from "./attack/page.ts";
import { scalePuzzles } from "./attack/work/puzzles.ts";
import { readWranglerConfig } from "./gateway/check-wrangler.ts";
import { spawnGateway } from "./gateway/child.ts";
import { readDemoVars, requireVar } from "./gateway/dev-vars.ts";
import { runProgram, untilSignal } from "./gateway/program.ts";
import { StartError } from "./gateway/start-error.ts";
import { showProgress } from "./rush/progress.ts";
import type { Progress } from "./rush/sale.ts";

await runProgram(async () => {
  const options = parseAttackOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(ATTACK_HELP);
    return 0;
  }
  const interrupted = untilSignal().then(() => {
    throw new StartError("Interrupted: nothing was judged");
  });
  const dir = await mkdtemp(join(tmpdir(), "sluice-attack-"));
  const ended = new AbortController();
  const attacking = attackAll(options, dir, ended.signal);
  try {
    const all = await Promise.race([attacking, interrupted]);
    console.log(
      options.json
        ? JSON.stringify({ seed: options.seed, figures: all }, undefined, 2)
        : formatAttack(all, options.seed),
    );
    if (options.writeDocs) await writeFigures(all, options);
    return brokenOf(all).length === 0 ? 0 : 1;
  } finally {
    ended.abort();
    await Promise.allSettled([attacking]);
    await rm(dir, { recursive: true, force: true });
  }
});

/** One battle after the other, each on a gateway of its own. An abort ends the present one's gateway, and so the battle. */
async function attackAll(options: AttackOptions, dir: string, signal: AbortSignal): Promise<readonly Figures[]> {
  const battles = options.profiles.flatMap((profile) =>
    options.defences.map((defences) => ({ profile, defences, options })),
  );
  const progress: Progress = { line: () => "bundling the Worker" };
  let done = 0;
  const hide = showProgress(() => {
    const battle = battles[done];
    return battle === undefined
      ? "done"
      : `[${done + 1}/${battles.length}] ${battle.profile}, defences ${battle.defences}: ${progress.line()}`;
  });
  try {
    const script = await bundleCountingWorker(join(dir, "bundle"));
    const all: Figures[] = [];
    for (const battle of battles) {
      progress.line = () => "starting a gateway";
      all.push(await onOwnGateway(battle, { script, stateDir: join(dir, String(done)), signal, progress }));
      done++;
    }
    return all;
  } finally {
    hide();
  }
}

interface Ground {
  readonly script: string;
  readonly stateDir: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function onOwnGateway(battle: Battle, { script, stateDir, signal, progress }: Ground): Promise<Figures> {
  const wrangler = readWranglerConfig().vars;
  const vars = { ...(await readDemoVars()), ...varsOf(battle.defences, wrangler) };
  const gateway = await spawnGateway({ port: 0, stateDir, vars, script }, (text) => process.stderr.write(text));
  const field: Battlefield = {
    url: gateway.url,
    adminToken: requireVar(vars, "ADMIN_TOKEN"),
    webhookSecrets: requireVar(vars, "ORIGIN_WEBHOOK_SECRET"),
    puzzles: scalePuzzles(wrangler),
  };
  try {
    return await Promise.race([fight(battle, field, progress), untilAborted(signal)]);
  } finally {
    await gateway.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new StartError("Interrupted: nothing was judged")), { once: true });
    if (signal.aborted) reject(new StartError("Interrupted: nothing was judged"));
  });
}

/** `npm run rush`: a whole flash sale over HTTP, on a gateway of its own or a running one; see rush/options.ts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnGateway } from "./gateway/child.ts";
import { readDemoVars, readDevVars, requireVar } from "./gateway/dev-vars.ts";
import { runProgram, untilSignal } from "./gateway/program.ts";
import { StartError } from "./gateway/start-error.ts";
import { parseRushOptions, RUSH_HELP, type RushOptions } from "./rush/options.ts";
import { showProgress } from "./rush/progress.ts";
import { formatReport } from "./rush/report.ts";
import { type Progress, runSale, type Sale } from "./rush/sale.ts";

await runProgram(async () => {
  const options = parseRushOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(RUSH_HELP);
    return 0;
  }
  const interrupted = untilSignal().then(() => {
    throw new StartError("Interrupted: nothing was judged");
  });
  const progress: Progress = { line: () => "starting a gateway" };
  const hide = showProgress(() => progress.line());
  const gateway = options.url === undefined ? ownGateway(options) : runningGateway(options, options.url);
  try {
    const report = await Promise.race([gateway.started.then((sale) => runSale(sale, progress)), interrupted]);
    hide();
    console.log(options.json ? JSON.stringify(report, undefined, 2) : formatReport(report));
    return report.kept ? 0 : 1;
  } finally {
    hide();
    await gateway.stop();
  }
});

interface GatewayOfARush {
  readonly started: Promise<Sale>;
  readonly stop: () => Promise<void>;
}

function ownGateway(options: RushOptions): GatewayOfARush {
  const { buyers, stock, seed, databaseUrl } = options;
  const state = mkdtemp(join(tmpdir(), "sluice-rush-"));
  const start = async (): Promise<{ readonly sale: Sale; readonly stop: () => Promise<void> }> => {
    const vars = await readDemoVars();
    const own = databaseUrl === undefined ? {} : { databaseUrl };
    const gateway = await spawnGateway({ port: 0, stateDir: await state, vars, ...own }, (text) =>
      process.stderr.write(text),
    );
    const secrets = {
      adminToken: requireVar(vars, "ADMIN_TOKEN"),
      webhookSecrets: requireVar(vars, "ORIGIN_WEBHOOK_SECRET"),
    };
    const sale = { url: gateway.url, ...secrets, databaseUrl: gateway.databaseUrl, buyers, stock, seed };
    return { sale, stop: gateway.stop };
  };
  const started = start();
  return {
    started: started.then(({ sale }) => sale),
    stop: async () => {
      const [gateway] = await Promise.allSettled([started]);
      if (gateway.status === "fulfilled") await gateway.value.stop();
      await rm(await state, { recursive: true, force: true });
    },
  };
}

function runningGateway(options: RushOptions, url: string): GatewayOfARush {
  const { buyers, stock, seed, databaseUrl } = options;
  const start = async (): Promise<Sale> => {
    const vars = await readDevVars();
    const adminToken = options.adminToken ?? requireVar(vars, "ADMIN_TOKEN");
    const webhookSecrets = options.webhookSecret ?? requireVar(vars, "ORIGIN_WEBHOOK_SECRET");
    return { url, adminToken, webhookSecrets, databaseUrl, buyers, stock, seed };
  };
  return { started: start(), stop: () => Promise.resolve() };
}

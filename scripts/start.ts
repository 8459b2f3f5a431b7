/**
 * `npm start`: the whole of Sluice on this machine, with a demo product that opens ten seconds later.
 * The gateway is workerd on wrangler's bundle, with every binding real; `npm run dev` is wrangler's own loop instead.
 */
import { DEMO_PRODUCT, type DemoRound, ensureDemoProduct } from "./demo/demo-product.ts";
import { forgetState, STATE } from "./demo/state.ts";
import { claimPort, listenAddresses } from "./gateway/addresses.ts";
import { claimState } from "./gateway/claim-state.ts";
import { ensureDevVars, readDevVars, requireVar, tellDevVars } from "./gateway/dev-vars.ts";
import { parseArguments, parsePort, runProgram, untilSignal } from "./gateway/program.ts";
import { startStack } from "./gateway/stack.ts";

const HELP = `npm start [-- --fresh] [-- --help]

Starts the gateway, an embedded Postgres and a demo product that opens ten seconds later.

  --fresh        forgets the state of earlier runs (.sluice/) first
  --help         this text

  PORT           where to listen on localhost, 8787 unless set
  DATABASE_URL   a Postgres of your own instead of the embedded one; it is migrated
  SLUICE_HOME    where .sluice/ and .dev.vars are kept, the project's folder unless set`;

/** A database of one's own is never emptied by a program that was only told to begin anew. */
const OLD_DATABASE = `--fresh does not empty the database of DATABASE_URL: old rows of product ${DEMO_PRODUCT} mix with the new ones; for a fresh one, set DATABASE_URL to a new, empty database`;

const STANDARD_PORT = 8787;
const HOST = "localhost";

await runProgram(async () => {
  const { values } = parseArguments({
    options: { fresh: { type: "boolean" }, help: { type: "boolean" } },
    strict: true,
  });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  const signal = untilSignal();
  const port = parsePort(process.env["PORT"], STANDARD_PORT);
  // Both before --fresh takes the state from under a running gateway.
  claimState(STATE);
  await claimPort(await listenAddresses(HOST), port);
  const databaseUrl = process.env["DATABASE_URL"];
  if (values.fresh === true) {
    await forgetState();
    if (databaseUrl) console.warn(OLD_DATABASE);
  }
  if (await ensureDevVars())
    console.log("Copied .dev.vars.example to .dev.vars: public demo keys, for this machine only");

  const vars = await readDevVars();
  const adminToken = requireVar(vars, "ADMIN_TOKEN");
  const stack = await startStack({ port, host: HOST, stateDir: STATE, vars, ...(databaseUrl ? { databaseUrl } : {}) });
  try {
    const round = await ensureDemoProduct(stack.url, adminToken, Date.now());
    console.log(tellReady(stack.url, stack.database.embedded ? stack.database.url : undefined, round));
    await signal;
  } finally {
    await stack.stop();
  }
  return 0;
});

/** @param embeddedUrl undefined for a database of one's own: its URL holds a password and is known. */
function tellReady(url: string, embeddedUrl: string | undefined, round: DemoRound): string {
  return [
    `Sluice ready at ${url}, database: ${embeddedUrl === undefined ? "DATABASE_URL" : `psql ${embeddedUrl}`}`,
    `  Sale page  ${url}/  (round ${round.round} ${tellState(round)})`,
    `  Ledger     . ${tellDevVars()} && curl -H "Authorization: Bearer $ADMIN_TOKEN" ${url}/v1/admin/products/demo`,
    `  A rush     npm run rush -- --buyers 1000 --stock 100`,
    `  Stop with Ctrl-C; what happened is kept in ${STATE} (npm start -- --fresh begins anew)`,
  ].join("\n");
}

function tellState({ state, opensAt, closesAt }: DemoRound): string {
  if (state === "upcoming") return `opens at ${tellTime(opensAt)}`;
  return state === "open" ? `is open until ${tellTime(closesAt)}` : `is ${state}, until ${tellTime(closesAt)}`;
}

function tellTime(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}

/** The arguments of `npm run bench`, checked. */
import { parseArguments } from "../scripts/gateway/program.ts";
import { StartError } from "../scripts/gateway/start-error.ts";

export const BENCH_HELP = `npm run bench -- [<name>...] [options]

Measures the gateway against a bare handler, a no-op object call and what people would use instead, in rounds that
alternate on this machine. Writes bench/results/<name>.json and a plot; exit status 0 unless something gave wrong answers.

  <name>...          some benches only; --list says which there are
  --quick            fewer and shorter rounds: for a first look, not for a claim
  --long             load profiles at their full length: a quarter of an hour more
  --against REF      this tree against another commit of itself: edge, hold and token, each alternated with theirs
  --list             the benches, and what each measures
  --noisy            measures although others use the machine; prints, and writes no results
  --strict           exit status 1 when a target is missed
  --help             this text`;

export interface BenchOptions {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly long: boolean;
  readonly against: string | undefined;
  readonly list: boolean;
  readonly noisy: boolean;
  readonly strict: boolean;
}

/** @throws StartError with exit status 2. */
export function parseBenchOptions(args: readonly string[], known: readonly string[]): BenchOptions | "help" {
  const { values, positionals } = parseArguments({
    args: [...args],
    strict: true,
    allowPositionals: true,
    options: {
      quick: { type: "boolean" },
      long: { type: "boolean" },
      against: { type: "string" },
      list: { type: "boolean" },
      noisy: { type: "boolean" },
      strict: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return "help";
  for (const name of positionals) {
    if (!known.includes(name))
      throw new StartError(`There is no bench ${JSON.stringify(name)}; --list tells which there are`, 2);
  }
  if (values.against === "") throw new StartError("--against wants a git ref, as in --against main", 2);
  if (values.against !== undefined && positionals.length > 0) {
    throw new StartError("--against compares what it compares: it takes no names of benches", 2);
  }
  return {
    names: positionals,
    quick: values.quick ?? false,
    long: values.long ?? false,
    against: values.against,
    list: values.list ?? false,
    noisy: values.noisy ?? false,
    strict: values.strict ?? false,
  };
}

import { describe, expect, it } from "vitest";
import { StartError } from "../../../scripts/gateway/start-error.ts";
import { parsePlanOptions } from "../../../scripts/plan/options.ts";
import { parseCount, parseShare, parseTime, tellDollars, tellTime } from "../../../scripts/plan/quantities.ts";

function told(args: readonly string[]): { message: string; exitCode: number } {
  try {
    parsePlanOptions(args);
  } catch (fault) {
    if (fault instanceof StartError) return { message: fault.message, exitCode: fault.exitCode };
  }
  throw new Error(`Expected ${args.join(" ")} to be refused`);
}

describe("parsePlanOptions", () => {
  it("takes the standards where nothing is said", () => {
    const options = parsePlanOptions([]);
    if (options === "help") throw new Error("Expected options, found help");
    expect(options.sale.crowd).toMatchObject({ buyers: 1_000_000, arrivalMs: 60_000, arrival: "spike" });
    expect(options.sale.round).toMatchObject({ stock: 10_000, holdMs: 120_000, challenge: "none" });
    expect(options.sale.places).toMatchObject({ objectPerSecond: 1000, shards: 1, topology: "cloud" });
    expect(options.what).toBe("plan");
  });

  it("takes what the issue asks for", () => {
    const options = parsePlanOptions(["--buyers", "1000000", "--stock", "10000", "--arrival", "60s", "--json"]);
    if (options === "help") throw new Error("Expected options, found help");
    expect(options).toMatchObject({ json: true, sale: { crowd: { buyers: 1_000_000 }, round: { stock: 10_000 } } });
  });

  it("takes an object's rate as measured", () => {
    const options = parsePlanOptions(["--object-rate", "measured"]);
    if (options === "help") throw new Error("Expected options, found help");
    expect(options.sale.places.objectPerSecond).toBeNull();
  });

  it.each([
    [["--buyer", "3"], "--buyer"],
    [["--buyers", "0"], "--buyers"],
    [["--buyers", "1e6"], "--buyers"],
    [["--buyers", "-5"], "--buyers"],
    [["--buyers", "6m"], "--buyers"],
    [["--stock", "1.5"], "--stock"],
    [["--arrival", "60"], "--arrival"],
    [["--arrival", "0s"], "--arrival"],
    [["--profile", "flood"], "--profile"],
    [["--pay", "120%"], "--pay"],
    [["--pay", "95%", "--cancel", "10%"], "--pay and --cancel"],
    [["--quantity", "3", "--per-buyer", "2"], "--quantity"],
    [["--challenge", "quiz"], "--challenge"],
    [["--isolates", "many"], "--isolates"],
    [["--seed", "x"], "--seed"],
    [["--later", "2"], "--later"],
    [["--buyers", "0"], "from 1 to 5000000"],
    [["--buyers", "1e9"], "from 1 to 5000000"],
    [["--stock", "10000000"], "from 1 to 1000000"],
    [["--arrival", "1ms"], "from 1 s to 24 h"],
    [["--seed", "0"], "--seed"],
    [["--measure", "--validate"], "--measure"],
    [["--validate", "--buyers", "500"], "--buyers changes nothing"],
    [["--measure", "--explain"], "--explain changes nothing"],
    [["1000000"], "1000000"],
  ])("%j is refused by name, with status 2", (args, named) => {
    const { message, exitCode } = told(args);
    expect(message).toContain(named);
    expect(message).not.toContain("\n");
    expect(exitCode).toBe(2);
  });
});

describe("quantities", () => {
  const bounds = { least: 0, most: 10_000_000 };

  it.each([
    ["10k", 10_000],
    ["1.5m", 1_500_000],
    ["1_000", 1000],
    ["7", 7],
  ])("%s is %d", (text, count) => expect(parseCount("n", text, bounds)).toBe(count));

  it.each([
    ["500ms", 500],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
  ])("%s is %d ms", (text, ms) => expect(parseTime("t", text, bounds)).toBe(ms));

  it.each([
    ["20%", 0.2],
    ["0.2", 0.2],
    ["0", 0],
    ["100%", 1],
  ])("%s is %d", (text, share) => expect(parseShare("s", text)).toBe(share));

  it("are told in the unit that fits", () => {
    expect([4, 250, 1500, 60_000, 150_000].map(tellTime)).toEqual(["4 ms", "250 ms", "1.5 s", "60 s", "2.5 min"]);
    expect([0, 0.0042, 1234.5].map(tellDollars)).toEqual(["$0.00", "$0.0042", "$1,234.50"]);
  });
});

/** `npm run rush`: a small sale from its start to its verdict, and the same buyers for the same seed. */
import { describe, expect, it } from "vitest";
import { castBuyers } from "../../scripts/rush/cast.ts";
import { respellings } from "../../scripts/rush/respelling.ts";
import { makeHome, runProgram } from "../support/node/program.ts";

describe("castBuyers", () => {
  it("repeats the same buyers for the same seed, and others for another", () => {
    expect(castBuyers(200, 7, "x")).toEqual(castBuyers(200, 7, "x"));
    expect(castBuyers(200, 7, "x")).not.toEqual(castBuyers(200, 8, "x"));
  });

  it("casts as many as asked for, each with an address of its own but for the sharers", () => {
    const buyers = castBuyers(1000, 1, "x");
    expect(buyers).toHaveLength(1000);
    const sharers = buyers.filter(({ kind }) => kind === "sharer").length;
    expect(sharers).toBe(100);
    expect(new Set(buyers.map(({ address }) => address)).size).toBe(1000 - sharers + 1);
  });

  it("casts every number of buyers from one on", () => {
    for (const count of [1, 2, 3, 7, 19]) expect(castBuyers(count, 1, "x")).toHaveLength(count);
  });
});

/** As a lax reader decodes it. */
function signatureOf(token: string): string {
  return Buffer.from(token.split(".")[2] ?? "", "base64url").toString("hex");
}

describe("respellings", () => {
  it("T3: spells the same bytes otherwise", () => {
    const token = `e30.e30.${Buffer.alloc(32, 1).toString("base64url")}`;
    const spelt = respellings(token);
    expect(spelt).not.toContain(token);
    expect(new Set(spelt.map(signatureOf))).toEqual(new Set([signatureOf(token)]));
  });
});

describe("npm run rush", () => {
  it("keeps every promise and exits with 0", async () => {
    const home = await makeHome();
    const args = ["--buyers", "120", "--stock", "20", "--seed", "1", "--json"];
    const program = runProgram("rush.ts", args, { SLUICE_HOME: home.path });
    try {
      expect([await program.ended, program.stdout()]).toEqual([0, expect.stringContaining("{")]);
    } finally {
      await home.forget();
    }
    const report: unknown = JSON.parse(program.stdout());
    expect(report).toMatchObject({
      buyers: 120,
      stock: 20,
      seed: 1,
      kept: true,
      comparedWithPostgres: true,
      sold: { paid: 20 },
    });
  }, 90_000);
});

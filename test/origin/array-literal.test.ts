import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { arrayLiteral } from "../../src/origin/array-literal.ts";
import { isStorable } from "../../src/text.ts";
import { createOriginDatabase, type OriginDatabase } from "./origin-database.ts";

let database: OriginDatabase;

beforeAll(async () => {
  database = await createOriginDatabase("array_literal");
});

async function readBack(elements: readonly (string | null)[]): Promise<(string | null)[]> {
  const rows = await database.sql<{ element: string | null }[]>`
    SELECT element FROM unnest(${arrayLiteral(elements)}::text[]) WITH ORDINALITY AS list (element, at) ORDER BY at`;
  return rows.map(({ element }) => element);
}

const text = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom('"', "\\", ",", "{", "}", " ", "\n", "'", "a") }),
  )
  .filter(isStorable);

describe("arrayLiteral", () => {
  it("T19: gives every text back as it was, whatever it is, and NULL as itself", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text)), async (elements) => {
        expect(await readBack(elements)).toEqual(elements);
      }),
      { numRuns: 200 },
    );
  });

  it.each([[[]], [["NULL", "null", null, "", " a ", '"}', "\\", "a,b", "{a}", "\t\n", "台灯 👍"]]])(
    "%j",
    async (list) => {
      expect(await readBack(list)).toEqual(list);
    },
  );

  it("gives numbers and times back", async () => {
    const [row] = await database.sql`
      SELECT ${arrayLiteral([0, -1, 2_147_483_647, null])}::integer[] = ARRAY[0, -1, 2147483647, NULL] AS numbers,
        (${arrayLiteral(["2026-11-22T00:00:00.123Z"])}::timestamptz[])[1] = timestamptz '2026-11-22 00:00:00.123+00' AS times`;
    expect(row).toEqual({ numbers: true, times: true });
  });
});

import { describe, expect, it } from "vitest";
import { classifyFailure, WriteConflict } from "../../../src/origin/writer/failure.ts";

function fromServer(code: string): Error {
  return Object.assign(new Error("From the server"), { name: "PostgresError", severity: "ERROR", code });
}

describe("classifyFailure", () => {
  it.each(["22P05", "22003", "23505", "23514", "54000"])("F7: takes %s for a fault of the content", (code) => {
    expect(classifyFailure(fromServer(code)).kind).toBe("data");
  });

  it.each(["40001", "40P01"])("takes %s for a conflict", (code) => {
    expect(classifyFailure(fromServer(code)).kind).toBe("conflict");
  });

  it("takes a lost optimistic lock for a conflict", () => {
    expect(classifyFailure(new WriteConflict("products: wrote 0 rows, want 1")).kind).toBe("conflict");
  });

  it.each(["08006", "53300", "55P03", "57014", "57P01", "57P03", "25P03", "28P01", "3D000", "42P01"])(
    "F6: takes %s for an outage",
    (code) => {
      expect(classifyFailure(fromServer(code)).kind).toBe("unavailable");
    },
  );

  it.each(["CONNECTION_CLOSED", "CONNECT_TIMEOUT", "ECONNREFUSED", "22003"])(
    "F6: takes %s of the driver for an outage",
    (code) => {
      expect(classifyFailure(Object.assign(new Error("From the driver"), { code })).kind).toBe("unavailable");
    },
  );

  it.each([undefined, null, "text", new TypeError("A defect")])(
    "F6: takes anything else for an outage: %s",
    (thrown) => {
      expect(classifyFailure(thrown).kind).toBe("unavailable");
    },
  );

  it("names the constraint, and never repeats the message", () => {
    const error = Object.assign(fromServer("23514"), { constraint_name: "products_never_oversold" });
    expect(classifyFailure(error)).toEqual({ kind: "data", code: "23514", constraint: "products_never_oversold" });
  });
});

import * as v from "valibot";
import { afterEach, describe, expect, it, vi } from "vitest";
import { auditResponse, productDocumentResponse } from "../../../src/wire/responses.ts";
import {
  bearer,
  call,
  checkOut,
  holdOne,
  operator,
  productBody,
  putProduct,
  takeToken,
} from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function admin(path: string, body?: unknown, method = "POST") {
  return call(`/v1/admin/products/${path}`, { method, headers: operator(), ...(body === undefined ? {} : { body }) });
}

async function documentOf(id: string) {
  return v.parse(productDocumentResponse, (await call(`/v1/admin/products/${id}`, { headers: operator() })).body);
}

describe("T18 operator's routes", () => {
  const routes = [
    ["PUT", "/v1/admin/products/x"],
    ["GET", "/v1/admin/products/x"],
    ["POST", "/v1/admin/products/x/pause"],
    ["POST", "/v1/admin/products/x/resume"],
    ["POST", "/v1/admin/products/x/close"],
    ["POST", "/v1/admin/products/x/stock"],
    ["GET", "/v1/admin/products/x/audit"],
    ["GET", "/v1/admin/lists"],
    ["POST", "/v1/admin/lists"],
    ["POST", "/v1/admin/lists/remove"],
    ["GET", "/v1/admin/limits"],
    ["PUT", "/v1/admin/limits/x"],
    ["DELETE", "/v1/admin/limits/x"],
    ["GET", "/v1/admin/audit"],
    ["GET", "/v1/admin/dead-letters"],
    ["POST", "/v1/admin/dead-letters/x/replay"],
  ] as const;

  it.each(routes)("%s %s takes the operator's token only", async (method, path) => {
    const strangers = [
      {},
      await bearer("alice"),
      { Authorization: "Bearer x" },
      { Authorization: `Basic ${btoa("a:b")}` },
    ];
    for (const headers of strangers) {
      const answer = await call(path, { method, headers });
      expect([answer.status, answer.body["code"]]).toEqual([401, "admin-required"]);
    }
  });
});

describe("T21 the operator's token", () => {
  it("is compared whole: no other length, prefix or letter case passes, and none is a fault", async () => {
    const token = operator().Authorization.slice("Bearer ".length);
    const wrong = [
      token.slice(0, -1),
      `${token}x`,
      token.toUpperCase(),
      "x",
      "x".repeat(token.length),
      "x".repeat(8000),
    ];
    for (const text of wrong) {
      const answer = await call("/v1/admin/products/x", { headers: { Authorization: `Bearer ${text}` } });
      expect([answer.status, answer.body["code"]]).toEqual([401, "admin-required"]);
    }
    expect((await call("/v1/admin/products/x", { headers: operator() })).status).toBe(404);
  });
});

describe("PUT /v1/admin/products/{id}", () => {
  it("creates a product that is served at once", async () => {
    const id = `p-${crypto.randomUUID()}`;
    const answer = await admin(id, productBody({ stock: 7 }), "PUT");
    expect(answer.status).toBe(200);
    expect(v.parse(productDocumentResponse, answer.body)).toMatchObject({
      id,
      round: 1,
      state: "open",
      allocated: 7,
      available: 7,
    });
    expect((await call(`/v1/products/${id}`)).status).toBe(200);
  });

  it("is served at once where it was asked for in vain before", async () => {
    const id = `p-${crypto.randomUUID()}`;
    expect((await call(`/v1/products/${id}`)).status).toBe(404);
    await admin(id, productBody(), "PUT");
    expect((await call(`/v1/products/${id}`)).status).toBe(200);
  });

  it.each([
    ["title", ""],
    ["title", "a\u0000b"],
    ["title", "\ud800"],
    ["price", -1],
    ["price", "9.90"],
    ["currency", "EURO"],
    ["stock", -1],
    ["stock", 1.5],
    ["stock", "many"],
    ["opensAt", 1_700_000_000],
    ["closesAt", 1_700_000_000_000],
    ["perBuyerLimit", 0],
    ["holdSeconds", 0],
    ["challenges", ["riddle"]],
  ])("refuses %s = %j and names it", async (key, value) => {
    const answer = await admin(`p-${crypto.randomUUID()}`, productBody({ [key]: value }), "PUT");
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body["errors"])).toContain(key);
  });

  it("refuses a round that closes before it opens, and one without a rule", async () => {
    const now = Date.now();
    const backwards = await admin("p-backwards", productBody({ opensAt: now + 2000, closesAt: now + 1000 }), "PUT");
    expect(backwards.body["errors"]).toMatchObject([{ path: "closesAt" }]);
    const { title: _, ...untitled } = productBody();
    expect((await admin("p-untitled", untitled, "PUT")).body["errors"]).toEqual([
      { path: "title", message: "Is missing" },
    ]);
    expect((await admin("UPPER", productBody(), "PUT")).status).toBe(400);
  });

  it("changes the round that is to come until its rules are fixed", async () => {
    const opensAt = Date.now() + 600_000;
    const id = await putProduct({ opensAt, stock: 5 });
    expect((await admin(id, productBody({ opensAt, stock: 8 }), "PUT")).body).toMatchObject({ round: 1, allocated: 8 });
    vi.useFakeTimers({ toFake: ["Date"], now: opensAt - 299_000 });
    const fixed = await admin(id, productBody({ opensAt, stock: 9 }), "PUT");
    expect(fixed.status).toBe(409);
    expect(fixed.body).toMatchObject({ code: "wrong-state", orderStatus: "upcoming" });
    expect((await documentOf(id)).allocated).toBe(8);
  });

  it("sets the next round once the last is closed; an old token does not enter it", async () => {
    const id = await putProduct({ stock: 3 });
    const ticket = await takeToken(id, "alice");
    expect((await admin(id, productBody(), "PUT")).status).toBe(409);
    await admin(`${id}/close`);
    expect((await admin(id, productBody({ stock: 4 }), "PUT")).body).toMatchObject({ round: 2, allocated: 4, paid: 0 });
    const next = await takeToken(id, "bob");
    expect(next.checkoutUrl).not.toBe(ticket.checkoutUrl);
    expect((await checkOut(ticket)).body["code"]).toBe("gate-invalid");
    expect((await checkOut({ ...next, token: ticket.token })).body["code"]).toBe("round-closed");
    expect((await checkOut(next)).status).toBe(202);
  });
});

describe("stock", () => {
  it("is added and withdrawn, and never more than is available", async () => {
    const id = await putProduct({ stock: 2 });
    await holdOne(id, "alice");
    expect((await admin(`${id}/stock`, { delta: 3 })).body).toMatchObject({ allocated: 5, available: 4, held: 1 });
    const tooMuch = await admin(`${id}/stock`, { delta: -5 });
    expect([tooMuch.status, tooMuch.body["code"]]).toEqual([409, "wrong-state"]);
    expect((await admin(`${id}/stock`, { delta: -4 })).body).toMatchObject({
      allocated: 5,
      available: 0,
      held: 1,
      withdrawn: 4,
    });
  });

  it("never grows beyond what Postgres counts in an integer", async () => {
    const id = await putProduct({ stock: 1_000_000_000 });
    const answer = await admin(`${id}/stock`, { delta: 1 });
    expect([answer.status, answer.body["code"]]).toEqual([409, "wrong-state"]);
    expect((await documentOf(id)).allocated).toBe(1_000_000_000);
  });

  it.each([[{}], [{ delta: 0 }], [{ delta: 1.5 }], [{ delta: "1" }]])("refuses %j", async (body) => {
    expect((await admin(`${await putProduct()}/stock`, body)).status).toBe(400);
  });
});

describe("close", () => {
  it("releases holds, withdraws what is left, and can be repeated", async () => {
    const id = await putProduct({ stock: 5 });
    await holdOne(id, "alice");
    for (let time = 0; time < 2; time++) {
      expect((await admin(`${id}/close`)).body).toMatchObject({
        state: "closed",
        allocated: 5,
        available: 0,
        held: 0,
        withdrawn: 5,
        orders: { held: 0, cancelled: 1 },
      });
    }
  });
});

describe("operator's steps", () => {
  it.each(["pause", "resume", "close", "stock"])("%s of a product that does not exist is not found", async (action) => {
    expect((await admin(`p-none/${action}`, action === "stock" ? { delta: 1 } : undefined)).status).toBe(404);
  });

  it("show a pause before the round opens, and no audit list of nothing", async () => {
    const id = await putProduct({ opensAt: Date.now() + 60_000 });
    expect((await admin(`${id}/pause`)).body).toMatchObject({ state: "upcoming", paused: true });
    expect((await call("/v1/admin/products/p-nothing/audit", { headers: operator() })).status).toBe(404);
  });

  it("stand in the audit list with time and request id, the newest first", async () => {
    const id = await putProduct();
    const paused = await admin(`${id}/pause`);
    await admin(`${id}/stock`, { delta: 2 });
    const { entries } = v.parse(
      auditResponse,
      (await call(`/v1/admin/products/${id}/audit`, { headers: operator() })).body,
    );
    expect(entries.map(({ action }) => action)).toEqual(["stock", "pause", "begin-round"]);
    expect(entries[1]?.requestId).toBe(paused.headers.get("X-Request-Id"));
    expect(entries[0]?.detail).toEqual({ round: 1, delta: 2 });
  });
});

import { describe, expect, it } from "vitest";
import { app } from "../../../src/app.ts";
import { openApiDocument } from "../../../src/reference/openapi.ts";
import { OPERATIONS } from "../../../src/reference/operations.ts";
import { bearer, call, makeAddress, makeBuyer, operator, putProduct } from "../../support/worker/gateway.ts";

/** Routes that are no API: pages for people, and the demo's. */
const UNDOCUMENTED = new Set(["GET /openapi.json", "GET /problems/:code", "POST /demo/identity"]);

describe("OpenAPI document", () => {
  it("is served, and is of version 3.1", async () => {
    const answer = await call("/openapi.json");
    expect(answer.headers.get("Content-Type")).toContain("application/json");
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    expect(answer.body["openapi"]).toBe("3.1.0");
  });

  it("has every call that the gateway takes, and no other", () => {
    const routes = new Set(
      app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`),
    );
    const documented = OPERATIONS.map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
    );
    expect([...routes].filter((route) => !UNDOCUMENTED.has(route)).toSorted()).toEqual(documented.toSorted());
  });

  it("says of each body which keys it takes, and that it takes no other", () => {
    const { paths } = openApiDocument();
    const put = JSON.stringify(paths["/v1/admin/products/{id}"]);
    expect(put).toContain('"additionalProperties":false');
    expect(put).toContain(
      '"required":["title","price","currency","stock","opensAt","closesAt","perBuyerLimit","holdSeconds"]',
    );
  });

  it("names the refusal of whoever is on a deny list, wherever it is given", async () => {
    const id = await putProduct();
    const address = makeAddress();
    const entry = { list: "deny", subject: "cidr", value: address, reason: "a test" };
    const denied = await call("/v1/admin/lists", { headers: operator(), body: { entries: [entry] } });
    expect(denied.status).toBe(200);
    const forBuyers = OPERATIONS.filter(({ path }) => path.startsWith("/v1/products/"));
    expect(forBuyers).toHaveLength(5);
    const headers = { ...(await bearer(makeBuyer())), "Purchase-Token": "none" };
    for (const { method, path } of forBuyers) {
      const called = path.replace("{id}", id).replaceAll(/\{\w+\}/g, "none");
      const answer = await call(called, { method: method.toUpperCase(), headers, address });
      expect(answer.body["code"]).toBe("not-eligible");
      expect(openApiDocument().paths[path]?.[method]).toMatchObject({
        responses: { 403: { description: expect.stringContaining("`not-eligible`") } },
      });
    }
  });

  it("says which calls need a body, and which take none", async () => {
    const { paths } = openApiDocument();
    const id = await putProduct();
    const stock = await call(`/v1/admin/products/${id}/stock`, { method: "POST", headers: operator() });
    expect(stock.status).toBe(400);
    expect(paths["/v1/admin/products/{id}/stock"]?.["post"]).toMatchObject({ requestBody: { required: true } });
    const pause = await call(`/v1/admin/products/${id}/pause`, { method: "POST", headers: operator() });
    expect(pause.status).toBe(200);
    expect(paths["/v1/admin/products/{id}/pause"]?.["post"]).toMatchObject({ requestBody: { required: false } });
  });

  it("has the parameters of a page", async () => {
    const { paths } = openApiDocument();
    for (const path of ["/v1/admin/lists", "/v1/admin/audit"]) {
      const query = OPERATIONS.find((operation) => operation.path === path && operation.method === "get")?.query ?? [];
      const parameters = query.map(({ name }) => ({ name, in: "query", required: false }));
      expect(parameters.length).toBeGreaterThan(1);
      expect(paths[path]?.["get"]).toMatchObject({ parameters });
      for (const { name } of query) {
        const answer = await call(`${path}?${name}=%00`, { headers: operator() });
        // Known, whatever is thought of the value.
        expect(JSON.stringify(answer.body)).not.toContain("Is not a known key");
      }
      const unknown = await call(`${path}?nothing=1`, { headers: operator() });
      expect(unknown.body["errors"]).toEqual([{ path: "nothing", message: "Is not a known key" }]);
    }
  });
});

import { describe, expect, it } from "vitest";
import { app } from "../../../src/app.ts";
import { openApiDocument } from "../../../src/reference/openapi.ts";
import { OPERATIONS } from "../../../src/reference/operations.ts";
import { call } from "../../support/worker/gateway.ts";

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
});

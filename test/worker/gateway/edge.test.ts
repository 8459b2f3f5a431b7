import { describe, expect, it } from "vitest";
import { BODY_BYTES_MAX } from "../../../src/body.ts";
import {
  bearer,
  call,
  checkOut,
  gatewayWith,
  makeBuyer,
  operator,
  productBody,
  putProduct,
  takeToken,
} from "../../support/worker/gateway.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("every response", () => {
  const paths = [
    "/v1/time",
    "/healthz",
    "/openapi.json",
    "/v1/products/none",
    "/v1/nothing",
    "/problems/sold-out",
    "/nothing",
  ];

  it.each(paths)("has an X-Request-Id and security headers: %s", async (path) => {
    const answer = await call(path);
    expect(answer.headers.get("X-Request-Id")).toMatch(UUID);
    expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(answer.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(answer.headers.get("Set-Cookie")).toBeNull();
  });

  it("has an id of its own, whatever id the client sends", async () => {
    const first = await call("/v1/time", { headers: { "X-Request-Id": "mine" } });
    const second = await call("/v1/time");
    expect(first.headers.get("X-Request-Id")).toMatch(UUID);
    expect(first.headers.get("X-Request-Id")).not.toBe(second.headers.get("X-Request-Id"));
  });
});

describe("refusal", () => {
  it("is problem details with a stable code, never cached", async () => {
    const answer = await call("/v1/products/none");
    expect(answer.status).toBe(404);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(answer.body).toMatchObject({
      type: "/problems/not-found",
      title: "Not found",
      status: 404,
      code: "not-found",
    });
  });

  it("names a page that exists", async () => {
    const page = await call("/problems/held-out");
    expect(page.status).toBe(200);
    expect(page.headers.get("Content-Type")).toContain("text/html");
    expect(page.body["text"]).toContain("held-out");
    expect((await call("/problems/made-up")).status).toBe(404);
  });
});

describe("method", () => {
  it.each([
    ["DELETE", "/v1/time", "GET, HEAD"],
    ["POST", "/v1/products/some", "GET, HEAD"],
    ["GET", "/v1/products/some/tokens", "POST"],
    ["PUT", "/v1/products/some/checkout/gate", "POST"],
    ["POST", "/v1/admin/products/some", "GET, HEAD, PUT"],
    ["PATCH", "/openapi.json", "GET, HEAD"],
  ])("%s %s is refused with what is allowed", async (method, path, allow) => {
    const answer = await call(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("Allow")).toBe(allow);
    expect(answer.body["code"]).toBe("method-not-allowed");
  });

  it.each(["/", "/somewhere", "*"])("POST %s is no address of the gateway's, and no fault", async (path) => {
    const answer = await call(path === "*" ? "/*" : path, { method: "POST" });
    expect([404, 405]).toContain(answer.status);
    expect(answer.headers.get("X-Request-Id")).toMatch(UUID);
  });

  it("HEAD is answered like GET, without a body", async () => {
    const answer = await call("/v1/time", { method: "HEAD" });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ text: "" });
  });
});

describe("T19 body", () => {
  const path = "/v1/admin/products/t19";

  async function put(body: unknown) {
    return call(path, { method: "PUT", headers: operator(), body });
  }

  it("of more bytes than the cap is refused while it arrives", async () => {
    const chunk = new TextEncoder().encode(" ".repeat(1024));
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 1000) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const answer = await put(endless);
    expect(answer.status).toBe(413);
    expect(answer.body["code"]).toBe("payload-too-large");
    expect(sent).toBeLessThan(100);
  });

  it("is not looked at where the sale refuses the request anyway", async () => {
    const id = await putProduct({ opensAt: Date.now() + 60_000 });
    const body = " ".repeat(BODY_BYTES_MAX + 1);
    const [early, token] = [`/v1/products/${id}/checkout/none`, `/v1/products/${id}/tokens`];
    for (const at of [early, token]) expect((await call(at, { method: "POST", body })).status).toBe(425);
  });

  it("of more bytes than the cap is refused before anybody looks who sent it", async () => {
    const body = " ".repeat(BODY_BYTES_MAX + 1);
    expect((await call(`/v1/products/${await putProduct()}/tokens`, { method: "POST", body })).status).toBe(413);
  });

  it("is counted in bytes, not in characters", async () => {
    const title = "€".repeat(Math.ceil(BODY_BYTES_MAX / 3));
    expect((await put(productBody({ title }))).status).toBe(413);
  });

  it.each([
    ["not JSON", "{"],
    ["no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
    ["an array", []],
    ["null", "null"],
    ["empty", ""],
  ])("that is %s is refused", async (_, body) => {
    const answer = await put(body);
    expect(answer.status).toBe(400);
    expect(answer.body["code"]).toBe("invalid-request");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", "isAdmin"])(
    "with the key %s is refused",
    async (key) => {
      const body = JSON.stringify(productBody()).replace("{", `{${JSON.stringify(key)}:{},`);
      const answer = await put(body);
      expect(answer.status).toBe(400);
      expect(answer.body["errors"]).toEqual([{ path: key, message: "Is not a known key" }]);
    },
  );

  it.each([
    ["lists", (depth: number) => "[".repeat(depth) + "]".repeat(depth)],
    ["objects", (depth: number) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth)],
  ])("of %s inside one another is refused, however many fit in", async (_, nest) => {
    const room = BODY_BYTES_MAX - '{"title":}'.length;
    for (const depth of [9, Math.floor(room / nest(1).length)]) {
      const answer = await put(`{"title":${nest(depth)}}`);
      expect(answer.status).toBe(400);
      expect(answer.body["errors"]).toEqual([
        { path: expect.stringMatching(/^title(?:\.[0a]){8}$/), message: "Is nested too deeply" },
      ]);
    }
    const shallow = await put(`{"title":${nest(8)}}`);
    expect(shallow.body["errors"]).not.toContainEqual(expect.objectContaining({ message: "Is nested too deeply" }));
  });

  it("of lists inside one another is refused where a longer body is taken", async () => {
    const nested = `{"entries":${"[".repeat(120_000)}${"]".repeat(120_000)}}`;
    const answer = await call("/v1/admin/lists", { method: "POST", headers: operator(), body: nested });
    expect(answer.status).toBe(400);
    expect(answer.body["code"]).toBe("invalid-request");
  });

  it("of a checkout takes nothing but a quantity", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, "mass-assigner");
    for (const body of [
      {},
      { quantity: 0 },
      { quantity: -1 },
      { quantity: 1.5 },
      { quantity: "1" },
      { quantity: 1e99 },
    ]) {
      const answer = await call(ticket.checkoutUrl, { headers: { "Purchase-Token": ticket.token }, body });
      expect(answer.status).toBe(400);
    }
    const priced = { quantity: 1, price: 0 };
    const answer = await call(ticket.checkoutUrl, { headers: { "Purchase-Token": ticket.token }, body: priced });
    expect(answer.body["errors"]).toEqual([{ path: "price", message: "Is not a known key" }]);
    expect((await checkOut(ticket)).status).toBe(202);
  });
});

describe("T19 body that breaks off", () => {
  /** In this very context: on its way through another one a broken stream would merely end. */
  const gateway = gatewayWith({});
  const framings = [
    ["with its length said", { "Content-Length": "14" }],
    ["in chunks", { "Transfer-Encoding": "chunked" }],
  ] as const;

  it.each(framings)("%s is refused: no fault, and no units of a limit are given back", async (_, framing) => {
    const path = `/v1/products/${await putProduct()}/tokens`;
    const headers = await bearer(makeBuyer());
    // As many tokens as a buyer gets in a minute.
    for (let attempt = 0; attempt < 10; attempt++) {
      const answer = await gateway(path, { headers: { ...headers, ...framing }, body: brokenBody() });
      expect(answer.status).toBe(400);
      expect(answer.body["errors"]).toEqual([{ path: "", message: "The body did not arrive whole" }]);
    }
    const answer = await gateway(path, { headers, body: {} });
    // In chunks it is refused before anything is counted.
    expect(answer.status).toBe("Content-Length" in framing ? 429 : 201);
  });

  it.each(framings)("%s of a callback is refused before its signature", async (_, framing) => {
    const path = "/v1/origin/products/none/orders/none/payment";
    const answer = await gateway(path, { headers: framing, body: brokenBody() });
    expect(answer.status).toBe(400);
    expect(answer.body["code"]).toBe("invalid-request");
  });
});

/** The beginning of a checkout's body, and no more. */
function brokenBody(): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"qu'));
    },
    pull(controller) {
      controller.error(new Error("Network connection lost."));
    },
  });
}

/** The bench names the stages of the two ways that it cuts: as many as there are. */
import { expect, it } from "vitest";
import { STAGE_LABELS } from "../../../bench/ours/stage-labels.ts";
import { app } from "../../../src/app.ts";

it.each([
  ["token", "/v1/products/:id/tokens"],
  ["checkout", "/v1/products/:id/checkout/:gate"],
] as const)("has a name for every stage of the %s's way", (route, path) => {
  const way: unknown = app.routes.find((each) => each.path === path && each.method === "POST")?.handler;
  expect(way).toHaveProperty("stages.length", STAGE_LABELS[route].length);
});

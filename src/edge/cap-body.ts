/** Bodies are counted in bytes as they arrive, and cut off beyond the cap, whatever Content-Length says. */
import { bodyLimit } from "hono/body-limit";
import { BODY_BYTES_MAX } from "../body.ts";
import { refuse } from "../problem.ts";

export function capBody() {
  return bodyLimit({
    maxSize: BODY_BYTES_MAX,
    onError: (c) => refuse(c, { code: "payload-too-large", limitBytes: BODY_BYTES_MAX }),
  });
}

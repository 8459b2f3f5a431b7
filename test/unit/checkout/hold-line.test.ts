import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HoldAnswer, HoldCommand } from "../../../durable-objects/product/protocol.ts";
import {
  CALL_MOST,
  type HoldCalls,
  HoldLine,
  type HoldOutcome,
  IN_LINE_MS,
  PATIENCE_MS,
  REST_MS,
} from "../../../src/checkout/hold-line.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function commandOf(buyerId: string): HoldCommand {
  return { buyerId } as HoldCommand;
}

function answerOf(buyerId: string): HoldAnswer {
  return { ok: true, value: { order: { orderId: `order of ${buyerId}` }, replayed: false } } as HoldAnswer;
}

function orderOf(outcome: HoldOutcome): unknown {
  return outcome.ok && outcome.value.ok ? outcome.value.value.order.orderId : outcome;
}

type Answers = Awaited<ReturnType<HoldCalls["all"]>>;

/** A product object whose calls are answered when the test says so, and buyers at it. */
function makeCounter() {
  const line = new HoldLine();
  const calls: {
    readonly buyers: readonly string[];
    readonly comeBack: (answers?: Answers) => void;
    readonly fail: (fault: Error) => void;
  }[] = [];
  const kept: Promise<unknown>[] = [];

  function note(commands: readonly HoldCommand[]): Promise<Answers> {
    const buyers = commands.map(({ buyerId }) => buyerId);
    const { promise, resolve, reject } = Promise.withResolvers<Answers>();
    const answers: Answers = { ok: true, value: buyers.map(answerOf) };
    calls.push({ buyers, comeBack: (other = answers) => resolve(other), fail: reject });
    return promise;
  }

  function ask(buyerId: string): Promise<HoldOutcome> {
    return line.hold(
      {
        one: async (command) => {
          const called = await note([command]);
          if (!called.ok) return called;
          const [own] = called.value;
          if (own === null || own === undefined) throw new Error("Expected an answer, found none");
          return { ok: true, value: own };
        },
        all: note,
        keepAlive: (work) => void kept.push(work),
      },
      commandOf(buyerId),
    );
  }

  async function answer(call: number, answers?: Answers): Promise<void> {
    calls[call]?.comeBack(answers);
    await vi.advanceTimersByTimeAsync(0);
  }

  return { line, calls, kept, ask, answer, buyers: () => calls.map((call) => call.buyers) };
}

describe("a line of holds", () => {
  it("lets whoever finds nobody there call at once, alone", async () => {
    const { ask, answer, buyers, line } = makeCounter();
    const first = ask("a");
    expect(buyers()).toEqual([["a"]]);
    await answer(0);
    expect(orderOf(await first)).toBe("order of a");
    const second = ask("b");
    expect(buyers()).toEqual([["a"], ["b"]]);
    await answer(1);
    expect(orderOf(await second)).toBe("order of b");
    expect(line.isIdle).toBe(true);
  });

  it("calls for all who came meanwhile, in their order, as soon as the call is back", async () => {
    const { ask, answer, buyers, line } = makeCounter();
    const asked = ["a", "b", "c", "d"].map(ask);
    expect(buyers()).toEqual([["a"]]);
    await answer(0);
    expect(buyers()).toEqual([["a"], ["b", "c", "d"]]);
    const late = ask("e");
    await answer(1);
    expect(buyers().at(-1)).toEqual(["e"]);
    await answer(2);
    expect((await Promise.all([...asked, late])).map(orderOf)).toEqual(
      ["a", "b", "c", "d", "e"].map((id) => `order of ${id}`),
    );
    expect(line.isIdle).toBe(true);
  });

  it("waits for a far object no longer than its rest", async () => {
    const { ask, answer, buyers } = makeCounter();
    const asked = ["a", "b", "c"].map(ask);
    await vi.advanceTimersByTimeAsync(REST_MS - 1);
    expect(buyers()).toEqual([["a"]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(buyers()).toEqual([["a"], ["b", "c"]]);
    await answer(1);
    await answer(0);
    expect((await Promise.all(asked)).map(orderOf)).toEqual(["a", "b", "c"].map((id) => `order of ${id}`));
  });

  it("lets the last of several calls alone let the next go", async () => {
    const { ask, answer, buyers } = makeCounter();
    const asked = ["a", "b"].map(ask);
    await vi.advanceTimersByTimeAsync(REST_MS);
    asked.push(ask("c"));
    expect(buyers()).toEqual([["a"], ["b"]]);
    await answer(0);
    expect(buyers()).toEqual([["a"], ["b"]]);
    await answer(1);
    expect(buyers()).toEqual([["a"], ["b"], ["c"]]);
    await answer(2);
    expect((await Promise.all(asked)).map(orderOf)).toEqual(["a", "b", "c"].map((id) => `order of ${id}`));
  });

  it("puts no more into a call than an object commits together", async () => {
    const { ask, answer, calls } = makeCounter();
    const asked = Array.from({ length: CALL_MOST + 2 }, (_, index) => ask(`buyer-${index}`));
    await answer(0);
    expect(calls[1]?.buyers).toHaveLength(CALL_MOST);
    await answer(1);
    expect(calls[2]?.buyers).toEqual([`buyer-${CALL_MOST + 1}`]);
    await answer(2);
    expect(new Set((await Promise.all(asked)).map(orderOf)).size).toBe(CALL_MOST + 2);
  });

  it("keeps each call alive whose sender may leave", async () => {
    const { ask, answer, kept } = makeCounter();
    const asked = ["a", "b", "c"].map(ask);
    await answer(0);
    await answer(1);
    await Promise.all(asked);
    expect(kept).toHaveLength(2);
    await expect(Promise.all(kept)).resolves.toBeDefined();
  });
});

describe("T8 buyers who leave", () => {
  it("are not asked for once they must have gone: their timers ended with them", async () => {
    const { ask, answer, buyers, line } = makeCounter();
    void ask("a");
    void ask("leaves");
    expect(line.isIdle).toBe(false);
    // The clock goes on without any timer.
    vi.setSystemTime(Date.now() + PATIENCE_MS + 1);
    expect(line.isIdle).toBe(true);
    const newcomer = ask("b");
    expect(buyers()).toEqual([["a"], ["b"]]);
    await answer(1);
    expect(orderOf(await newcomer)).toBe("order of b");
  });
});

describe("T8 who stands behind a buyer who left", () => {
  it("calls himself before long", async () => {
    const { ask, answer, buyers } = makeCounter();
    const first = ask("a");
    // His timer ends with his request.
    vi.stubGlobal("setTimeout", () => 0);
    void ask("leaves");
    vi.unstubAllGlobals();
    const behind = ask("b");
    await vi.advanceTimersByTimeAsync(IN_LINE_MS - 1);
    expect(buyers()).toEqual([["a"]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(buyers()).toEqual([["a"], ["b", "leaves"]]);
    await answer(1);
    await answer(0);
    expect([orderOf(await first), orderOf(await behind)]).toEqual(["order of a", "order of b"]);
  });
});

describe("F7 one hold among others", () => {
  it("asks for itself where its fault is its own, and holds nobody up", async () => {
    const { ask, answer, buyers } = makeCounter();
    const asked = ["a", "b", "poison", "c"].map(ask);
    await answer(0);
    await answer(1, { ok: true, value: [answerOf("b"), null, answerOf("c")] });
    expect((await Promise.all([asked[0], asked[1], asked[3]])).map((outcome) => outcome && orderOf(outcome))).toEqual([
      "order of a",
      "order of b",
      "order of c",
    ]);
    expect(buyers().at(-1)).toEqual(["poison"]);
    await answer(2);
    expect(asked[2] && orderOf(await asked[2])).toBe("order of poison");
  });

  it("asks for itself also where it is the one that called", async () => {
    const { ask, answer, buyers } = makeCounter();
    const asked = ["a", "poison", "b"].map(ask);
    await answer(0);
    await answer(1, { ok: true, value: [null, answerOf("b")] });
    expect(buyers().at(-1)).toEqual(["poison"]);
    await answer(2);
    expect((await Promise.all(asked)).map(orderOf)).toEqual(["a", "poison", "b"].map((id) => `order of ${id}`));
  });
});

describe("F8 a shared call that fails", () => {
  const OVERLOADED = { ok: false, refusal: { code: "overloaded", retryAfterSeconds: 1 } } as const;

  it("tells all of them that the object is overloaded, and nobody asks it again", async () => {
    const { ask, answer, calls } = makeCounter();
    const asked = ["a", "b", "c"].map(ask);
    await answer(0);
    await answer(1, OVERLOADED);
    expect(await Promise.all(asked.slice(1))).toEqual([OVERLOADED, OVERLOADED]);
    expect(calls).toHaveLength(2);
  });

  it("fails the one whose call it was, and the others ask for themselves", async () => {
    const { ask, answer, calls, buyers } = makeCounter();
    const asked = ["a", "b", "c", "d"].map(ask);
    await answer(0);
    calls[1]?.fail(new Error("defect"));
    await expect(asked[1]).rejects.toThrow("defect");
    expect(buyers().slice(2)).toEqual([["c"], ["d"]]);
    await answer(2);
    await answer(3);
    expect((await Promise.all([asked[2], asked[3]])).map((outcome) => outcome && orderOf(outcome))).toEqual([
      "order of c",
      "order of d",
    ]);
  });

  it("is waited for only so long, and newcomers do not wait for it at all", async () => {
    const { ask, answer, buyers } = makeCounter();
    const asked = ["a", "b", "c"].map(ask);
    await answer(0);
    expect(buyers()).toEqual([["a"], ["b", "c"]]);
    await vi.advanceTimersByTimeAsync(REST_MS);
    const newcomer = ask("d");
    expect(buyers().at(-1)).toEqual(["d"]);
    await answer(2);
    expect(orderOf(await newcomer)).toBe("order of d");
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(buyers().at(-1)).toEqual(["c"]);
    await answer(3);
    expect(asked[2] && orderOf(await asked[2])).toBe("order of c");
  });
});

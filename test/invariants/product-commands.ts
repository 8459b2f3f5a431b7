/** What may happen to a product, as commands of a model-based test, and how often each of them comes. */
import * as fc from "fast-check";
import { hold, replay, rush } from "./hold-commands.ts";
import { act, changeStock, configure } from "./operator-commands.ts";
import { cancel, pay, repeatCallback } from "./order-commands.ts";
import { acknowledge, alarm, failQueue, letLeave, lose, moveClock } from "./world-commands.ts";

/** Without these there is nothing to be broken: a closed round is followed by another, and orders get further than held. */
const oftener = [hold, hold, hold, hold, rush, rush, pay, pay, pay, moveClock, configure, configure];

/** Any sequence of commands; holds and payments come oftener than the operator. */
export const productCommands = fc.commands(
  [
    ...oftener,
    replay,
    cancel,
    repeatCallback,
    moveClock,
    changeStock,
    act,
    lose,
    alarm,
    letLeave,
    failQueue,
    acknowledge,
  ],
  { maxCommands: 60, size: "max" },
);

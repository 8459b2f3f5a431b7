/** What the page says, as a shape: every language has all of it, or does not compile. Times come ready formatted. */
import type { OrderStatus } from "../documents.ts";
import type { RefusalCode } from "../outcome.ts";
import type { SalePhase } from "../sale-state.ts";

export interface Words {
  /** BCP 47, for `lang` attributes and number formats. */
  readonly locale: string;
  readonly languageSwitch: string;
  /** Short, in the badge: what the sale is doing. */
  readonly badge: Readonly<Record<SalePhase, string>>;
  /** One sentence under the badge's word; also what a screen reader hears when the phase changes. */
  readonly status: Readonly<Record<SalePhase, string>>;
  /** After `cancelled` or `expired` in an open round; in another the state's own sentence stands there. */
  readonly backOnSale: (units: number) => string;
  readonly betweenSentences: string;
  readonly opensIn: string;
  readonly closesIn: string;
  readonly releaseIn: string;
  readonly holdLeft: string;
  readonly unitNames: {
    readonly days: string;
    readonly hours: string;
    readonly minutes: string;
    readonly seconds: string;
  };
  readonly opensAt: string;
  readonly closesAt: string;
  readonly perBuyer: string;
  readonly holdTime: string;
  readonly quantity: string;
  readonly buy: string;
  readonly buyAgain: string;
  readonly buying: string;
  readonly notOpen: string;
  readonly unavailable: string;
  /** Why the button is grey, or what a click does. */
  readonly reason: {
    readonly upcoming: (time: string) => string;
    readonly open: (holdTime: string) => string;
    readonly waiting: (wait: string) => string;
    readonly again: string;
    readonly busy: string;
  };
  readonly refusal: Readonly<Record<RefusalCode, string>>;
  /** `units`: the most of the round per buyer, who may have some already. */
  readonly buyerLimit: (units: number) => string;
  /** `units`: left, and fewer than were asked for. */
  readonly fewerLeft: (units: number) => string;
  readonly retrying: string;
  readonly retryIn: (wait: string) => string;
  readonly reference: (requestId: string) => string;
  readonly orderId: string;
  readonly orderStatus: string;
  readonly orderStatusWord: Readonly<Record<OrderStatus, string>>;
  readonly received: string;
  readonly receivedYes: string;
  readonly receivedNotYet: string;
  readonly holdOver: string;
  readonly pay: string;
  readonly cancel: string;
  readonly cancelQuestion: string;
  readonly cancelWarning: string;
  readonly cancelYes: string;
  readonly cancelNo: string;
  readonly gatewayClock: (time: string, uncertaintyMs: number) => string;
  readonly gatewayClockUnknown: string;
  readonly announceOpening: (remaining: string) => string;
  readonly announceHold: (remaining: string) => string;
}

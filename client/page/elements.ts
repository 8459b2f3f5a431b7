/** The document's elements that the page writes to, found once by id. A missing one is a defect and stops the page. */

export interface Elements {
  readonly sale: HTMLElement;
  readonly languages: HTMLElement;
  readonly badge: HTMLElement;
  readonly title: HTMLElement;
  readonly price: HTMLElement;
  readonly facts: HTMLElement;
  readonly status: HTMLElement;
  readonly countdown: HTMLElement;
  readonly countdownLabel: HTMLElement;
  readonly daysCell: HTMLElement;
  readonly hoursCell: HTMLElement;
  readonly cells: Readonly<Record<CellName, { readonly number: HTMLElement; readonly unit: HTMLElement }>>;
  readonly holdBar: HTMLElement;
  readonly holdPart: HTMLElement;
  readonly order: HTMLElement;
  readonly orderTerm: HTMLElement;
  readonly orderId: HTMLElement;
  readonly orderRows: HTMLElement;
  readonly pay: HTMLAnchorElement;
  readonly cancel: HTMLButtonElement;
  readonly notice: HTMLElement;
  readonly noticeText: HTMLElement;
  readonly noticeWait: HTMLElement;
  readonly noticeReference: HTMLElement;
  readonly buyBlock: HTMLElement;
  readonly choice: HTMLElement;
  readonly quantityLabel: HTMLElement;
  readonly quantity: HTMLSelectElement;
  readonly buy: HTMLButtonElement;
  readonly reason: HTMLElement;
  readonly gatewayClock: HTMLElement;
  readonly dialog: HTMLDialogElement;
  readonly cancelQuestion: HTMLElement;
  readonly cancelWarning: HTMLElement;
  readonly cancelYes: HTMLButtonElement;
  readonly cancelNo: HTMLButtonElement;
  readonly announcer: HTMLElement;
}

export type CellName = "days" | "hours" | "minutes" | "seconds";

export function findElements(): Elements {
  const cell = (name: CellName) => ({ number: find(name, HTMLElement), unit: find(`${name}-unit`, HTMLElement) });
  return {
    sale: find("sale", HTMLElement),
    languages: find("languages", HTMLElement),
    badge: find("badge", HTMLElement),
    title: find("title", HTMLElement),
    price: find("price", HTMLElement),
    facts: find("facts", HTMLElement),
    status: find("status", HTMLElement),
    countdown: find("countdown", HTMLElement),
    countdownLabel: find("countdown-label", HTMLElement),
    daysCell: find("days-cell", HTMLElement),
    hoursCell: find("hours-cell", HTMLElement),
    cells: { days: cell("days"), hours: cell("hours"), minutes: cell("minutes"), seconds: cell("seconds") },
    holdBar: find("hold-bar", HTMLElement),
    holdPart: find("hold-part", HTMLElement),
    order: find("order", HTMLElement),
    orderTerm: find("order-term", HTMLElement),
    orderId: find("order-id", HTMLElement),
    orderRows: find("order-rows", HTMLElement),
    pay: find("pay", HTMLAnchorElement),
    cancel: find("cancel", HTMLButtonElement),
    notice: find("notice", HTMLElement),
    noticeText: find("notice-text", HTMLElement),
    noticeWait: find("notice-wait", HTMLElement),
    noticeReference: find("notice-reference", HTMLElement),
    buyBlock: find("buy-block", HTMLElement),
    choice: find("choice", HTMLElement),
    quantityLabel: find("quantity-label", HTMLElement),
    quantity: find("quantity", HTMLSelectElement),
    buy: find("buy", HTMLButtonElement),
    reason: find("reason", HTMLElement),
    gatewayClock: find("gateway-clock", HTMLElement),
    dialog: find("cancel-dialog", HTMLDialogElement),
    cancelQuestion: find("cancel-question", HTMLElement),
    cancelWarning: find("cancel-warning", HTMLElement),
    cancelYes: find("cancel-yes", HTMLButtonElement),
    cancelNo: find("cancel-no", HTMLButtonElement),
    announcer: find("announcer", HTMLElement),
  };
}

function find<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`The page must have a ${kind.name} with the id ${id}, and has none`);
  return element;
}

/**
 * A modal dialog that asks the buyer for something: it keeps the keyboard inside, closes by Escape, and gives the focus back.
 *
 * Texts are set as text, never as markup: the question is the operator's, but it came over the wire.
 */

/** The buyer closed the dialog. */
export class ChallengeLeft extends Error {
  override readonly name = "ChallengeLeft";
}

export interface DialogOptions<Value> {
  readonly title: string;
  readonly hint: string;
  /** BCP 47: of title, hint and buttons. */
  readonly locale: string;
  readonly leave: string;
  /** The button that sends the form; without it the content resolves by itself. */
  readonly send?: string;
  /** Builds what stands between the hint and the buttons; returns what the form's answer is when it is sent. */
  readonly fill: (content: HTMLElement, resolve: (value: Value) => void) => () => Value | undefined;
}

let dialogs = 0;

/** Resolves with the answer; rejects with `ChallengeLeft`. The dialog is gone afterwards, either way. */
export async function askInDialog<Value>(options: DialogOptions<Value>): Promise<Value> {
  dialogs += 1;
  const dialog = make("dialog", { className: "challenge", lang: options.locale });
  const title = make("h2", { id: `challenge-title-${dialogs}`, textContent: options.title });
  const hint = make("p", { id: `challenge-hint-${dialogs}`, textContent: options.hint });
  const form = make("form", { method: "dialog" });
  const content = make("div", { className: "challenge-content" });
  const actions = make("p", { className: "actions" });
  const leave = make("button", { type: "button", className: "quiet", textContent: options.leave });
  if (options.send !== undefined) {
    actions.append(make("button", { type: "submit", className: "primary", textContent: options.send }));
  }
  actions.append(leave);
  form.append(content, actions);
  dialog.append(title, hint, form);
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.setAttribute("aria-describedby", hint.id);

  document.body.append(dialog);
  try {
    return await new Promise<Value>((resolve, reject) => {
      const read = options.fill(content, resolve);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const value = read();
        if (value !== undefined) resolve(value);
      });
      leave.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => reject(new ChallengeLeft("The dialog was closed")));
      dialog.showModal();
    });
  } finally {
    dialog.close();
    dialog.remove();
  }
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties);
}

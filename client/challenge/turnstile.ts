/**
 * Shows Cloudflare's Turnstile widget. Its script is loaded only when the gateway asks for it, from one fixed address: where an
 * operator uses it, the page's content security policy has to allow that address in `script-src` and `frame-src`.
 */
import type { TurnstileChallenge } from "./documents.ts";
import { askInDialog, make } from "./dialog.ts";
import type { ChallengeWords } from "./words.ts";

/** https://developers.cloudflare.com/turnstile/get-started/client-side-rendering/ */
const SCRIPT = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

interface Turnstile {
  readonly render: (
    container: HTMLElement,
    options: {
      readonly sitekey: string;
      readonly action: string;
      readonly cData: string;
      readonly language: string;
      readonly callback: (token: string) => void;
      readonly "error-callback": () => boolean;
    },
  ) => string | undefined;
  readonly remove: (widget: string) => void;
}

export async function askTurnstile(challenge: TurnstileChallenge, words: ChallengeWords): Promise<string> {
  const turnstile = await loadTurnstile();
  let widget: string | undefined;
  try {
    return await askInDialog<string>({
      title: words.turnstileTitle,
      hint: words.turnstileHint,
      locale: words.locale,
      leave: words.leave,
      fill: (content, resolve) => {
        const failure = make("p", { role: "alert" });
        const container = make("div", {});
        content.append(container, failure);
        widget = turnstile.render(container, {
          sitekey: challenge.siteKey,
          action: challenge.action,
          cData: challenge.cData,
          language: words.locale.toLowerCase(),
          callback: resolve,
          "error-callback": () => {
            failure.textContent = words.turnstileFailed;
            return true;
          },
        });
        return () => undefined;
      },
    });
  } finally {
    if (widget !== undefined) turnstile.remove(widget);
  }
}

let loading: Promise<Turnstile> | undefined;

function loadTurnstile(): Promise<Turnstile> {
  loading ??= load().catch((fault: unknown) => {
    // The next click tries again.
    loading = undefined;
    throw fault;
  });
  return loading;
}

async function load(): Promise<Turnstile> {
  const script = make("script", { src: SCRIPT, async: true });
  await new Promise<void>((resolve, reject) => {
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error("Turnstile's script must load, and did not")));
    document.head.append(script);
  });
  const { turnstile } = globalThis as { readonly turnstile?: Turnstile };
  if (turnstile === undefined) throw new Error("Turnstile's script must set turnstile, and set nothing");
  return turnstile;
}

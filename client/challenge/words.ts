/** What the challenges' dialogs say, in the page's languages. */

export interface ChallengeWords {
  /** BCP 47. */
  readonly locale: string;
  readonly quizTitle: string;
  readonly quizHint: (seconds: number | undefined) => string;
  readonly typedLabel: string;
  readonly turnstileTitle: string;
  readonly turnstileHint: string;
  readonly turnstileFailed: string;
  readonly send: string;
  readonly leave: string;
}

const ENGLISH: ChallengeWords = {
  locale: "en",
  quizTitle: "One question first",
  quizHint: (seconds) =>
    seconds === undefined
      ? "You have one try."
      : `You have one try, within ${seconds} seconds. After that you may start over.`,
  typedLabel: "Your answer",
  turnstileTitle: "One check first",
  turnstileHint: "It goes on by itself once the check below is done.",
  turnstileFailed: "The check did not work. Close this and try again.",
  send: "Send answer",
  leave: "Not now",
};

const CHINESE: ChallengeWords = {
  locale: "zh-CN",
  quizTitle: "请先回答一个问题",
  quizHint: (seconds) =>
    seconds === undefined ? "只有一次机会。" : `只有一次机会，请在 ${seconds} 秒内作答，超时可重新开始。`,
  typedLabel: "您的答案",
  turnstileTitle: "请先完成验证",
  turnstileHint: "完成下方验证后会自动继续。",
  turnstileFailed: "验证失败，请关闭后重试。",
  send: "提交答案",
  leave: "暂不作答",
};

export function challengeWordsFor(language: string): ChallengeWords {
  return language.toLowerCase().split("-")[0] === "zh" ? CHINESE : ENGLISH;
}

/** Shows a question: a group of options, or a field to type in. By keyboard, by touch, and for a screen reader. */
import type { QuizChallenge } from "./documents.ts";
import { askInDialog, make } from "./dialog.ts";
import type { ChallengeWords } from "./words.ts";

/** The gateway takes no longer one. Characters. */
const TYPED_LENGTH_MAX = 200;

/** `now`: the gateway's time in milliseconds, if known. Resolves to an option's place as shown, or to what was typed. */
export function askQuiz(quiz: QuizChallenge, words: ChallengeWords, now: number | undefined): Promise<number | string> {
  const seconds = now === undefined ? undefined : Math.max(Math.floor((quiz.expiresAt - now) / 1000), 0);
  const { options } = quiz;
  return askInDialog<number | string>({
    title: words.quizTitle,
    hint: words.quizHint(seconds),
    locale: words.locale,
    leave: words.leave,
    send: words.send,
    fill: (content) => (options === undefined ? fillTyped(content, quiz, words) : fillOptions(content, quiz, options)),
  });
}

function fillOptions(content: HTMLElement, quiz: QuizChallenge, options: readonly string[]): () => number | undefined {
  const group = make("fieldset", { lang: quiz.language });
  group.append(make("legend", { textContent: quiz.question }));
  const radios = options.map((option, place) => {
    const label = make("label", { className: "option" });
    const radio = make("input", { type: "radio", name: "answer", value: String(place), required: true });
    label.append(radio, make("span", { textContent: option }));
    group.append(label);
    return radio;
  });
  content.append(group);
  return () => {
    const chosen = radios.findIndex((radio) => radio.checked);
    return chosen === -1 ? undefined : chosen;
  };
}

function fillTyped(content: HTMLElement, quiz: QuizChallenge, words: ChallengeWords): () => string | undefined {
  const question = make("p", { id: "challenge-question", className: "question", textContent: quiz.question });
  question.lang = quiz.language;
  const label = make("label", { className: "typed", textContent: words.typedLabel });
  const field = make("input", {
    type: "text",
    required: true,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: false,
    maxLength: TYPED_LENGTH_MAX,
  });
  field.setAttribute("aria-describedby", question.id);
  label.append(field);
  content.append(question, label);
  return () => (field.value.trim() === "" ? undefined : field.value);
}

/** The kinds of challenges, lightest first: what a product may ask for. Imports nothing. */

/** `pow`: proof of work, solved by the page by itself. `quiz`: a question of the operator's. `turnstile`: Cloudflare's. */
export const CHALLENGE_KINDS = ["pow", "quiz", "turnstile"] as const;

export type ChallengeKind = (typeof CHALLENGE_KINDS)[number];

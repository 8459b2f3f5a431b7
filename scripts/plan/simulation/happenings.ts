/** What can happen in a simulated sale. The subject is the buyer, unless it is said. */
export const HAPPENING = {
  CLICK: 1,
  TOKEN_ANSWER: 2,
  ASK_AGAIN: 3,
  HOLD_COMES: 4,
  REPLAY_COMES: 5,
  PAY_COMES: 6,
  CANCEL_COMES: 7,
  /** The object has taken the call in. */
  HOLD_TAKEN: 8,
  REPLAY_TAKEN: 9,
  PAY_TAKEN: 10,
  CANCEL_TAKEN: 11,
  HOLD_ANSWER: 12,
  PAY: 13,
  CANCEL: 14,
  /** Subject: the object. */
  JOIN: 15,
  COMMITTED: 16,
  RELEASE: 17,
  /** Subject: the copy. */
  VIEW_COMES: 18,
  VIEW_ANSWER: 19,
  /** The look of some page that nobody is simulated for. Subject: the copy. */
  TOUCH: 20,
  WRITER_DUE: 21,
  /** Subject: the batch. */
  WRITTEN: 22,
  TICK: 23,
  /** One of those who wait sees that there is something. Subject: the plan that the look belongs to. */
  LOOK: 24,
  /** Subject: the limiter object, and of what kind it is. */
  FLUSH: 25,
  /** The one machine's thread is free. No subject. */
  THREAD: 26,
  /** An outbox has waited for company. Subject: the object. */
  GATHERED: 27,
  /** The next commit may begin. Subject: the object. */
  COMMIT_RESTED: 28,
} as const;

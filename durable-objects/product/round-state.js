export function decideRoundState(round, now) {
    if (round.closed || now >= round.closesAt)
        return "closed";
    if (now < round.opensAt)
        return "upcoming";
    if (round.paused)
        return "paused";
    if (round.available > 0)
        return "open";
    return round.held > 0 ? "held-out" : "sold-out";
}
/** Whole seconds until `at`, rounded up and at least one: whoever waits so long is not too early. */
export function secondsUntil(at, now) {
    return Math.max(1, Math.ceil((at - now) / 1000));
}

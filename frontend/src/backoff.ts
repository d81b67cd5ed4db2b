/** How long to wait before trying again: doubling, with chance in it so that a whole hall of open pages does not come back at one instant. */
const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Return milliseconds after so many failures; `chance` is between 0 and 1. */
export function pauseAfter(failures: number, chance: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return whole * (0.5 + chance / 2);
}

/** How `expectNoLeak` measures. */
export interface ExpectNoLeakOptions {
  /** Calls a round, 500 unless given; the rounds are repeated with twice and four times as many before a verdict. */
  iterations?: number;
  /** Calls before the first round, for caches to fill and code to be compiled: 1000 unless given. */
  warmup?: number;
  /** Rounds, at least 7; 8 unless given. */
  rounds?: number;
}

/** Where what stays behind was allocated. */
export interface LeakSite {
  function: string | null;
  file: string | null;
  /** Of the function's beginning, 1-based. */
  line: number | null;
  column: number | null;
  bytes: number;
  /** Of all growth, 0 to 1. */
  share: number;
}

/** What `expectNoLeak` rejects with. */
export interface LeakError extends Error {
  code: 'ERR_PLIMSOLL_LEAK';
  bytesPerIteration: number;
  sites: LeakSite[];
}

/**
 * Calls `fn` over and over, with forced collections in between (`--expose-gc` is not needed), and rejects
 * with a {@link LeakError}, an AssertionError, when the memory that stays rises in proportion to the calls.
 *
 * A TypeError or RangeError with the code ERR_PLIMSOLL_OPTION where an option makes no sense.
 */
export function expectNoLeak(
  fn: (i: number) => unknown,
  options?: ExpectNoLeakOptions,
): Promise<{ bytesPerIteration: number; rounds: number }>;

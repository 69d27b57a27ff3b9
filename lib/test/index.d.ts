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
  /** Of the function's beginning, 1-based, in the source that it was compiled from. */
  line: number | null;
  column: number | null;
  bytes: number;
  /** Of all growth, 0 to 1. */
  share: number;
}

/** The variable that holds what stays. */
export interface LeakHolder {
  /** With the properties that lead on: `store.#byId`. */
  variable: string;
  /** Where the source declares the variable; null where that is not known. */
  file: string | null;
  line: number | null;
}

/** A Map, Set, array or object that gets more elements with each call. */
export interface GrowingTable {
  kind: 'Map' | 'Set' | 'Array' | 'object';
  elements: number;
  /** Elements that a call adds, on average. */
  perCall: number;
  /** Null where no variable of the function leads to the table, or Node has no inspector. */
  holder: LeakHolder | null;
}

/** An event of an emitter whose listeners grow in number. */
export interface GrowingListeners {
  /** The name of the emitter's class. */
  emitter: string;
  event: string;
  count: number;
  holder: LeakHolder | null;
}

/** Timers that were started in a round of the measurement and stayed active. */
export interface ActiveTimers {
  kind: 'setInterval' | 'setTimeout';
  active: number;
  started: number;
  site: { function: string | null; file: string; line: number; column: number | null } | null;
}

/** A string that grows. */
export interface GrowingString {
  holder: LeakHolder;
  length: number;
}

/** Objects of which each is held by a property of the next one. */
export interface GrowingChain {
  /** Of the last one. */
  holder: LeakHolder;
  property: string;
  links: number;
}

/** A mock function of Jest, Vitest, Sinon or node:test that has recorded the calls. */
export interface RecordingMock {
  name: string;
  calls: number;
}

/** What `expectNoLeak` rejects with. */
export interface LeakError extends Error {
  code: 'ERR_PLIMSOLL_LEAK';
  bytesPerIteration: number;
  sites: LeakSite[];
  /** The fastest-growing tables, three at most. */
  tables: GrowingTable[];
  listeners: GrowingListeners | null;
  /** If at least half of the calls of a round leave one. */
  timers: ActiveTimers | null;
  /** Looked for where no table and no listeners grow. */
  string: GrowingString | null;
  chain: GrowingChain | null;
  mocks: RecordingMock[];
}

/**
 * Calls `fn` again and again, with forced collections in between (`--expose-gc` is not needed), and rejects with a
 * {@link LeakError}, an AssertionError, when the memory that stays rises in proportion to the calls, when a table gets
 * elements in proportion to the calls, or when an event of an emitter has more than ten listeners and gets more in each
 * round.
 *
 * Warnings of the process: ERR_PLIMSOLL_SLOW_TEST where a test runner's limit may be too short,
 * ERR_PLIMSOLL_PASSED_ON_RETRY where the same call failed before.
 *
 * `i` does not repeat within the process. Calls of `expectNoLeak` that overlap run one after the other.
 *
 * A TypeError or RangeError with the code ERR_PLIMSOLL_OPTION where an option makes no sense; an Error with the code
 * ERR_PLIMSOLL_BUSY where `fn` itself calls `expectNoLeak`.
 */
export function expectNoLeak(
  fn: (i: number) => unknown,
  options?: ExpectNoLeakOptions,
): Promise<{ bytesPerIteration: number; rounds: number }>;

// Compiles only while LRUCache takes what lru-cache 11 takes.
import { LRUCache } from 'plimsoll';

const plain = new LRUCache<string, number>({
  max: 10,
  name: 'plain',
  dispose: (value: number, key: string, reason: LRUCache.DisposeReason) => void [value, key, reason],
});
export const held: number | undefined = plain.get('a', { allowStale: true });
export const keys: string[] = [...plain.keys()];
export const status: LRUCache.Status<string, number> = {};
plain.set('a', 1, { ttl: 5, status }).set('b', undefined);
export const fetched: Promise<number | undefined> = plain.fetch('a');

const needy = new LRUCache<string, number, { user: string }>({
  maxSize: 10,
  sizeCalculation: (value) => value,
  fetchMethod: async (key, stale, { context, signal, options }) => {
    options.ttl = 5;
    return signal.aborted ? stale : key.length + context.user.length;
  },
});
export const forced: Promise<number> = needy.forceFetch('a', { context: { user: 'x' } });
// @ts-expect-error a context is asked for
void needy.fetch('a');
// @ts-expect-error a bound is needed
export const unbounded = new LRUCache({ allowStale: true });

/** All names of lru-cache's namespace; __test__/cache/lru-cache.test.js compares them with its declarations. */
export type Names = [
  LRUCache.Size,
  LRUCache.Milliseconds,
  LRUCache.Count,
  LRUCache.DisposeReason,
  LRUCache.Disposer<string, number>,
  LRUCache.InsertReason,
  LRUCache.Inserter<string, number>,
  LRUCache.SizeCalculator<string, number>,
  LRUCache.FetcherOptions<string, number>,
  LRUCache.Status<string, number>,
  LRUCache.FetcherFetchOptions<string, number>,
  LRUCache.FetchOptions<string, number, unknown>,
  LRUCache.FetchOptionsWithContext<string, number, { user: string }>,
  LRUCache.FetchOptionsNoContext<string, number>,
  LRUCache.MemoOptions<string, number>,
  LRUCache.MemoOptionsWithContext<string, number, { user: string }>,
  LRUCache.MemoOptionsNoContext<string, number>,
  LRUCache.MemoizerOptions<string, number>,
  LRUCache.MemoizerMemoOptions<string, number>,
  LRUCache.HasOptions<string, number, unknown>,
  LRUCache.GetOptions<string, number, unknown>,
  LRUCache.PeekOptions<string, number, unknown>,
  LRUCache.SetOptions<string, number, unknown>,
  LRUCache.Fetcher<string, number>,
  LRUCache.Memoizer<string, number>,
  LRUCache.OptionsBase<string, number, unknown>,
  LRUCache.OptionsMaxLimit<string, number, unknown>,
  LRUCache.OptionsTTLLimit<string, number, unknown>,
  LRUCache.OptionsSizeLimit<string, number, unknown>,
  LRUCache.Options<string, number, unknown>,
  LRUCache.Entry<number>,
];

const byEntries: LRUCache.OptionsMaxLimit<string, number, unknown> = { max: 10 };
const bySize: LRUCache.OptionsSizeLimit<string, number, unknown> = { maxSize: 10, sizeCalculation: (value) => value };
const byTime: LRUCache.OptionsTTLLimit<string, number, unknown> = { ttl: 10, ttlAutopurge: true };
export const limited = [byEntries, bySize, byTime].map((options) => new LRUCache<string, number>(options));
const withContext: LRUCache.FetchOptionsWithContext<string, number, { user: string }> = { context: { user: 'x' } };
void needy.fetch('a', withContext);
// @ts-expect-error a context is asked for
export const without: LRUCache.MemoOptionsWithContext<string, number, { user: string }> = {};
export const memoizes: LRUCache.Memoizer<string, number> = (key, _stale, { options }) => {
  options.ttl = 5;
  options.allowStale = true;
  return key.length;
};

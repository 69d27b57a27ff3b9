import { expectNoLeak, type LeakError } from 'plimsoll/test';

export const measured: Promise<{ bytesPerIteration: number; rounds: number }> = expectNoLeak(async (i) => i + 1, {
  iterations: 10,
  warmup: 5,
  rounds: 8,
});
void expectNoLeak(() => {});
// @ts-expect-error a function is needed
void expectNoLeak(5);
// @ts-expect-error there is no such option
void expectNoLeak(() => {}, { iteration: 10 });
const error = {} as LeakError;
export const line: number | null | undefined = error.sites[0]?.line;

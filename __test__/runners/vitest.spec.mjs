import { describe, it, vi } from 'vitest';
import { cases, attempt, together, named } from './cases.cjs';

const TIMEOUT = 60_000;

describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(cases)) it(name, { timeout: TIMEOUT }, run);
  it('a mock function that records its calls is named', { timeout: TIMEOUT }, () => named((name) => vi.fn().mockName(name)));
  it('a test that is repeated finds the leak each time', { timeout: TIMEOUT, retry: 2 }, attempt);
});

describe('tests that run together', () => {
  for (const [name, run] of Object.entries(together)) it.concurrent(name, { timeout: TIMEOUT }, run);
});

import { test } from 'vitest';
import { leaks, leaksOnce } from './retries.cjs';

test('leaks in each attempt', { retry: 2, timeout: 60_000 }, leaks);
test('leaks in the first attempt', { retry: 2, timeout: 60_000 }, leaksOnce);

import { test } from 'vitest';
import { expectNoLeak } from '../../../lib/test/index.js';
import { remember } from './typed.ts';

test('a Map', { timeout: 60_000 }, () => expectNoLeak(remember, { iterations: 50, warmup: 50 }));

import { describe, it } from 'vitest';
import cases from './cases.cjs';

describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(cases)) it(name, run, 60_000);
});

// Compiles only while index.d.ts says what the design promises.
import type * as plimsoll from 'plimsoll';

export type Surface = typeof plimsoll;

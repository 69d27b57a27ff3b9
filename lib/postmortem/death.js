'use strict';
// Why a process ended, as far as there is evidence; nothing is guessed.

const os = require('node:os');
const { requireNative } = require('../native.js');

const SIGNALS = Object.fromEntries(Object.entries(os.constants.signals).map(([name, number]) => [number, name]));

/** Kills in the cgroup since its last reading; null where that cannot be known. @param {any} before */
function killsSince(before) {
  const now = requireNative().oomKills();
  if (!before || now === null || now.group !== before.group) return null;
  return Math.max(now.count - before.count, 0);
}

/**
 * @param {{ kind: string, value?: number } | null} end @param {any} state
 * @param {number | null} [oomKills] kills in its cgroup since the state was written
 * @returns {{ cause: 'heap-limit' | 'cgroup-limit' | 'signal' | 'exit-code' | 'unknown', code: number | null, signal:
 *   string | null, oomKills: number | null, evidence: string }}
 */
function causeOf(end, state, oomKills = killsSince(state.oomKills)) {
  const signal = end?.kind === 'signal' ? (SIGNALS[end.value] ?? `signal ${end.value}`) : null;
  const code = end?.kind === 'exit' ? end.value : null;
  const found = (cause, evidence) => ({ cause, code, signal, oomKills, evidence });
  if (end?.kind === 'heap-limit') return found('heap-limit', 'V8 called its out-of-memory handler');
  if (code !== null) return found('exit-code', `it exited with code ${code}`);
  if (oomKills > 0 && (signal === null || signal === 'SIGKILL'))
    return found(
      'cgroup-limit',
      `its cgroup counts ${oomKills} out-of-memory kill${oomKills > 1 ? 's' : ''} since then`,
    );
  if (signal !== null) return found('signal', `its parent saw ${signal}`);
  const kills =
    oomKills === 0 ? 'its cgroup counts no out-of-memory kill' : 'the kills of its cgroup are not visible here';
  return found('unknown', `neither it nor a parent wrote down how it ended, and ${kills}`);
}

module.exports = { causeOf, killsSince };

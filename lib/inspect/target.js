'use strict';
// A running Node process and its inspector. SIGUSR1 opens the inspector of a Node process, and kills
// one that does not expect it: everything that can be known is looked at first.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { Guard, GUARD_MS } = require('./guard.js');
const { Lease } = require('./lease.js');
const { PATIENCE_MS, Session } = require('./session.js');
const { unless } = require('./unless.js');

const DEFAULT_PORT = 9229;
/** Bit of SIGUSR1 in the masks of /proc/PID/status. */
const SIGUSR1 = 1n << 9n;
const POLL_MS = 50;
const LISTEN = '0A';

function refuse(code, message, cause) {
  return new PlimsollError(code, message, { cause });
}

/** @param {number} pid @param {string} name @returns {string | null} */
function proc(pid, name) {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return null;
  }
}

function link(pid, name) {
  try {
    return fs.readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return null;
  }
}

const noProcess = (pid, cause) =>
  refuse('ERR_PLIMSOLL_NO_PROCESS', `there is no process ${pid}; ps or pgrep node shows what runs.`, cause);

/** A larger number is no pid. The system would take its lower bits, which are those of another process. */
const LARGEST_PID = 2 ** 31 - 1;

/** @param {number} pid */
function checkRange(pid) {
  if (pid > LARGEST_PID) throw noProcess(pid);
}

/** Throws where the process is not there, is not ours, is not Node's or cannot be reached. */
function checkProcess(pid) {
  if (pid === process.pid)
    throw refuse('ERR_PLIMSOLL_ATTACH', `pid ${pid} is plimsoll itself; give the pid of another process.`);
  checkRange(pid);
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (cause.code === 'EPERM')
      throw refuse(
        'ERR_PLIMSOLL_PERMISSION',
        `pid ${pid} belongs to another user; run plimsoll attach as that user.`,
        cause,
      );
    throw noProcess(pid, cause);
  }
  if (process.platform !== 'linux') return;
  const exe = link(pid, 'exe');
  if (exe !== null && !/node|electron/i.test(path.basename(exe)))
    throw refuse(
      'ERR_PLIMSOLL_NOT_NODE',
      `pid ${pid} runs ${path.basename(exe)}, not Node; give the pid of the node process itself.`,
    );
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(proc(pid, 'status') ?? '')?.[1];
  if (caught !== undefined && (BigInt(`0x${caught}`) & SIGUSR1) === 0n) {
    throw refuse(
      'ERR_PLIMSOLL_NO_INSPECTOR',
      `pid ${pid} does not accept SIGUSR1: its inspector is off (--disable-sigusr1, a build without inspector), or it is just starting; try again, or start it with --inspect.`,
    );
  }
}

/**
 * Enters the network of a process in another container or pod, whose inspector listens on a loopback of its own.
 * @returns {{ leave(): void } | null} null where the network is ours
 */
function enterNetwork(pid) {
  const mine = link('self', 'ns/net');
  const theirs = link(pid, 'ns/net');
  if (mine === null || theirs === null || mine === theirs) return null;
  try {
    return requireNative().EnteredNetwork.enter(pid);
  } catch (cause) {
    throw refuse(
      'ERR_PLIMSOLL_NAMESPACE',
      `pid ${pid} runs in a container with a loopback of its own, and ${cause.message}: run plimsoll attach as root on the node (with CAP_SYS_ADMIN), or inside the container (docker exec, kubectl exec or kubectl debug --target), with the pid that it has there.`,
      cause,
    );
  }
}

/** Throws where there is no such process, before anything is asked of the user. @param {number} pid */
function checkExists(pid) {
  checkRange(pid);
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // What else is wrong attach() finds.
    if (cause.code === 'ESRCH') throw noProcess(pid, cause);
  }
}

/**
 * The port that the process was given for its inspector: --inspect-port and the like, in its arguments or NODE_OPTIONS.
 */
function configuredPort(pid) {
  const args = (proc(pid, 'cmdline') ?? '').split('\0');
  const environment = (proc(pid, 'environ') ?? '').split('\0').find((entry) => entry.startsWith('NODE_OPTIONS='));
  const flags = [...(environment?.slice('NODE_OPTIONS='.length).split(/\s+/) ?? []), ...args];
  for (const [at, flag] of flags.entries()) {
    const match = /^--(?:inspect(?:-brk|-wait|-port)?|debug-port)(?:=(.*))?$/.exec(flag);
    const value = match?.[1] ?? (flag.endsWith('-port') ? flags[at + 1] : undefined);
    const port = /(?:^|:)(\d+)$/.exec(value ?? '')?.[1];
    if (port !== undefined) return Number(port);
  }
  return DEFAULT_PORT;
}

/** Ports on which the process listens; null if the system does not show them. */
function listeningPorts(pid) {
  let inodes;
  try {
    inodes = new Set(
      fs.readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(link(pid, `fd/${fd}`) ?? '')?.[1]),
    );
  } catch {
    return null;
  }
  const rows = ['net/tcp', 'net/tcp6'].flatMap((file) => (proc(pid, file) ?? '').split('\n').slice(1));
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter((row) => row[3] === LISTEN && inodes.has(row[9]));
  return new Set(fields.map((row) => Number.parseInt(row[1].split(':').at(-1), 16)));
}

/** The address for a debugger at this port, or null where no inspector answers. */
async function debuggerUrl(port, signal) {
  const late = AbortSignal.timeout(2000);
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`, {
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    });
    const [first] = await response.json();
    // Only the path of its address is used: another host or port is not trusted.
    const where = first?.type === 'node' ? new URL(first.webSocketDebuggerUrl).pathname : null;
    return where === null ? null : `ws://127.0.0.1:${port}${where}`;
  } catch {
    return null;
  }
}

/** The numbers of the process, in each of its namespaces: in a container it knows itself by another one. */
function pidsOf(pid) {
  return (
    /^NSpid:\s*(.+)$/m
      .exec(proc(pid, 'status') ?? '')?.[1]
      .trim()
      .split(/\s+/)
      .map(Number) ?? [pid]
  );
}

/**
 * A connection to the inspector of this process at the port, with what `claim` makes of it, or null. Throws where the
 * inspector accepts connections and the event loop does not answer.
 * @param {number} pid @param {number} port @param {{patienceMs: number, signal?: AbortSignal}} options
 * @param {(session: Session) => Promise<any>} claim
 */
async function connect(pid, port, { patienceMs, signal }, claim) {
  const url = await debuggerUrl(port, signal);
  signal?.throwIfAborted();
  if (url === null) return null;
  const session = await Session.connect(url, { patienceMs, signal }).catch(() => null); // it was closed in between
  signal?.throwIfAborted();
  if (session === null) return null;
  let claimed = null;
  try {
    claimed = await unless(signal, claim(session));
    if (claimed) return { session, port, claimed };
  } catch (cause) {
    signal?.throwIfAborted();
    if (session.isSilent)
      throw refuse(
        'ERR_PLIMSOLL_INSPECTOR',
        `the inspector of pid ${pid} on port ${port} accepts connections and answers no request: the event loop of the process is stuck. If attach has opened it, it closes by itself when the loop runs again.`,
        cause,
      );
    // Closed meanwhile, or refused by the process: the next look decides.
  } finally {
    if (!claimed) session.close();
  }
  return null;
}

/**
 * Waits for the inspector that SIGUSR1 opens, and takes the lease of it. Throws where it opens and does not answer.
 * @param {{pid: number, before: number[] | null, expected: number, patienceMs: number, pollMs?: number, terms?: any,
 * signal?: AbortSignal}} options `before`: the ports on which it listened until then; `expected`: the port to look at
 * if the system does not show them; `terms`: of the lease; `signal` ends the wait
 * @returns {Promise<{session: Session, port: number, claimed: Lease} | null>}
 */
async function openedInspector({ pid, before, expected, patienceMs, pollMs = POLL_MS, terms, signal }) {
  const deadline = performance.now() + patienceMs;
  for (; performance.now() < deadline; await sleep(pollMs, undefined, { signal })) {
    // `--inspect-port=0` lets the system choose: a port that was not there before.
    const now = listeningPorts(pid);
    const candidates = now === null ? [expected] : [...now].filter((each) => !before?.includes(each));
    for (const port of candidates) {
      const opened = await connect(pid, port, { patienceMs, signal }, (session) =>
        Lease.take(session, pidsOf(pid), port, terms),
      );
      if (opened !== null) return opened;
    }
  }
  return null;
}

/**
 * Connects to the inspector of a process, and opens it first where it is closed.
 * @param {number} pid
 * @param {{port?: number, patienceMs?: number, terms?: any, signal?: AbortSignal}} [options] `port`: where its
 * inspector is, where it cannot be found out; `patienceMs`: how long it may take to open, and then to answer a request;
 * `terms`: of the lease; `signal` ends the wait
 * @returns {Promise<{session: Session, port: number, close(): Promise<void>}>} `close` leaves the inspector as it was
 */
async function attach(pid, options) {
  checkProcess(pid);
  const network = process.platform === 'linux' ? enterNetwork(pid) : null;
  try {
    const { close, ...attached } = await attachHere(pid, options);
    return { ...attached, close: () => close().finally(() => network?.leave()) };
  } catch (error) {
    network?.leave();
    throw error;
  }
}

/** As attach(), in the network of the process. */
async function attachHere(pid, { port: given, patienceMs = PATIENCE_MS, terms, signal } = {}) {
  const ports = listeningPorts(pid);
  const before = ports === null ? null : [...ports];
  const expected = given ?? configuredPort(pid);
  // Open already, by --inspect or by another tool: it stays open.
  if (before?.includes(expected) ?? true) {
    const found = await connect(pid, expected, { patienceMs, signal }, async (session) =>
      pidsOf(pid).includes(await session.evaluate('process.pid')),
    );
    if (found !== null) return { session: found.session, port: expected, close: async () => found.session.close() };
  }
  if (process.platform === 'win32') {
    throw refuse(
      'ERR_PLIMSOLL_NO_INSPECTOR',
      `no inspector of pid ${pid} answers on port ${expected}, and on Windows none is opened from outside; start it with --inspect.`,
    );
  }
  signal?.throwIfAborted();
  // Until there is a lease, and where it opens too late for us, another process closes it.
  const guard = new Guard({ pid, before, expected });
  try {
    process.kill(pid, 'SIGUSR1');
    const opened = await openedInspector({ pid, before, expected, patienceMs, terms, signal });
    if (opened !== null) {
      guard.dismiss();
      return { session: opened.session, port: opened.port, close: () => opened.claimed.close() };
    }
  } catch (error) {
    guard.leave();
    throw error;
  }
  guard.leave();
  throw refuse(
    'ERR_PLIMSOLL_INSPECTOR',
    `the inspector of pid ${pid} did not open within ${patienceMs / 1000} s: its event loop is stuck, or port ${expected} is taken by another process (start it with --inspect-port=0, or free the port). If it still opens within ${GUARD_MS / 60_000} min, it is closed again.`,
  );
}

module.exports = { attach, checkExists, checkProcess, checkRange, configuredPort, listeningPorts, openedInspector };

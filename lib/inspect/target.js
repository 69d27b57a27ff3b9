'use strict';
// A running Node process and its inspector. SIGUSR1 opens the inspector of a Node process, and kills
// one that does not expect it: everything that can be known is looked at first.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { PlimsollError } = require('../errors.js');
const { Session } = require('./session.js');

const DEFAULT_PORT = 9229;
/** Bit of SIGUSR1 in the masks of /proc/PID/status. */
const SIGUSR1 = 1n << 9n;
const PATIENCE_MS = 10_000;
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

/** Throws where the process is not there, is not ours, is not Node's or cannot be reached. */
function checkProcess(pid) {
  if (pid === process.pid) throw refuse('ERR_PLIMSOLL_ATTACH', 'this is the process of plimsoll itself; give the pid of another.');
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (cause.code === 'EPERM') throw refuse('ERR_PLIMSOLL_PERMISSION', `pid ${pid} belongs to another user; run plimsoll attach as that user.`, cause);
    throw refuse('ERR_PLIMSOLL_NO_PROCESS', `there is no process ${pid}; ps or pgrep node shows what runs.`, cause);
  }
  if (process.platform !== 'linux') return;
  const mine = link('self', 'ns/net');
  const theirs = link(pid, 'ns/net');
  if (mine !== null && theirs !== null && mine !== theirs) {
    throw refuse('ERR_PLIMSOLL_NAMESPACE', `pid ${pid} runs in a container of its own, whose loopback is not ours; run plimsoll attach inside: docker exec or kubectl exec, with the pid as it is there.`);
  }
  const exe = link(pid, 'exe');
  if (exe !== null && !/node|electron/i.test(path.basename(exe))) throw refuse('ERR_PLIMSOLL_NOT_NODE', `pid ${pid} runs ${path.basename(exe)}, not Node; give the pid of the node process itself.`);
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(proc(pid, 'status') ?? '')?.[1];
  if (caught !== undefined && (BigInt(`0x${caught}`) & SIGUSR1) === 0n) {
    throw refuse('ERR_PLIMSOLL_NO_INSPECTOR', `pid ${pid} does not take SIGUSR1: its inspector is off (--disable-sigusr1, a build without inspector), or it is just starting.`);
  }
}

/** The port that the process was told to use for its inspector: --inspect-port and the like, in its arguments or NODE_OPTIONS. */
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

/** Ports on which the process listens; null where the system does not tell. */
function listeningPorts(pid) {
  let inodes;
  try {
    inodes = new Set(fs.readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(link(pid, `fd/${fd}`) ?? '')?.[1]));
  } catch {
    return null;
  }
  const rows = ['net/tcp', 'net/tcp6'].flatMap((file) => (proc(pid, file) ?? '').split('\n').slice(1));
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter((row) => row[3] === LISTEN && inodes.has(row[9]));
  return new Set(fields.map((row) => Number.parseInt(row[1].split(':').at(-1), 16)));
}

/** The address for a debugger at this port, or null where no inspector answers. */
async function debuggerUrl(port) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(2000) });
    const [first] = await response.json();
    return first?.type === 'node' ? first.webSocketDebuggerUrl : null;
  } catch {
    return null;
  }
}

/** Whether it is this process that answers there: in a container the process knows itself by another number. */
async function isProcess(session, pid) {
  const names = /^NSpid:\s*(.+)$/m.exec(proc(pid, 'status') ?? '')?.[1].trim().split(/\s+/).map(Number) ?? [pid];
  return names.includes(await session.evaluate('process.pid'));
}

async function connect(pid, port) {
  const url = await debuggerUrl(port);
  if (url === null) return null;
  const session = await Session.connect(url);
  if (await isProcess(session, pid)) return session;
  session.close();
  return null;
}

/**
 * Connects to the inspector of a process, and opens it first where it is closed.
 * @param {number} pid
 * @param {{port?: number, patienceMs?: number}} [options] `port`: where its inspector is, where it cannot be found
 *   out; `patienceMs`: how long it may take to open
 * @returns {Promise<{session: Session, port: number, close(): Promise<void>}>} `close` leaves the inspector as it was
 */
async function attach(pid, { port: given, patienceMs = PATIENCE_MS } = {}) {
  checkProcess(pid);
  const before = listeningPorts(pid);
  const expected = given ?? configuredPort(pid);
  // Open already, by --inspect or by another tool: it stays open.
  if (before?.has(expected) ?? true) {
    const session = await connect(pid, expected);
    if (session !== null) return { session, port: expected, close: async () => session.close() };
  }
  if (process.platform === 'win32') {
    throw refuse('ERR_PLIMSOLL_NO_INSPECTOR', `no inspector of pid ${pid} answers on port ${expected}, and on Windows none is opened from outside; start it with --inspect.`);
  }
  process.kill(pid, 'SIGUSR1');
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(POLL_MS)) {
    // `--inspect-port=0` lets the system choose: a port that was not there before.
    const now = listeningPorts(pid);
    const candidates = now === null ? [expected] : [...now].filter((each) => !before?.has(each));
    for (const port of candidates) {
      const session = await connect(pid, port);
      if (session !== null) return { session, port, close: () => closeInspector(session, port) };
    }
  }
  throw refuse(
    'ERR_PLIMSOLL_INSPECTOR',
    `the inspector of pid ${pid} did not open within ${patienceMs / 1000} s: its event loop is stuck, or port ${expected} is taken by another process (start it with --inspect-port=0, or free the port).`,
  );
}

/**
 * In the process: closes the inspector once nobody is connected to it. Node frees a connection that its own farewell is
 * still being written to (`WsHandler::OnCloseFrameWritten`, seen on Node 20): a crash of the service. By the kernel's
 * table of sockets, where there is one: 01 is a connection, 08 one whose end has not been seen.
 */
const CLOSE = `((port) => {
  const load = process.getBuiltinModule ?? require;
  const [inspector, fs] = [load('node:inspector'), load('node:fs')];
  const local = ':' + port.toString(16).toUpperCase().padStart(4, '0');
  const connected = (table) => {
    try {
      return fs.readFileSync('/proc/self/net/' + table, 'utf8').split('\\n').map((row) => row.trim().split(/ +/))
        .some(([, address, , state]) => address?.endsWith(local) && (state === '01' || state === '08'));
    } catch {
      return false;
    }
  };
  let looks = 100;
  const look = () => {
    if (looks-- > 0 && (connected('tcp') || connected('tcp6'))) setTimeout(look, 20).unref();
    else inspector.close();
  };
  setTimeout(look, 100).unref();
})`;

/** Closes the inspector that we opened. Where the process refuses, we are gone all the same. */
async function closeInspector(session, port) {
  await session.evaluate(`${CLOSE}(${port})`).catch(() => {});
  session.close();
}

module.exports = { attach, checkProcess, configuredPort, listeningPorts };

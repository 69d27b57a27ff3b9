'use strict';
// The inspector that attach opened is lent: the target closes it by itself unless attach renews the lease, so that it
// does not stay open when attach is killed.

/**
 * The lease runs out after this many ticks of the target's timer. Ticks, not time: a loop that a snapshot stops makes
 * none.
 */
const TERMS = { ticks: 12, tickMs: 250, renewMs: 500 };
/** How long the target may be silent before it has accepted the request to close. Then the lease does it. */
const CLOSE_MS = 2000;

/**
 * In the target. Node 20 frees a connection while it still writes the closing frame of that connection
 * (`WsHandler::OnCloseFrameWritten`), which crashes the service: `close` waits until the kernel's table of sockets has
 * no connection at the port. State 01 is an open connection, 08 one that only the peer has closed.
 */
const LEASE = `((pids, port, ticks, tickMs) => {
  if (!pids.includes(process.pid)) return null;
  const load = process.getBuiltinModule ?? require;
  const [inspector, fs, timers] = [load('node:inspector'), load('node:fs'), load('node:timers')];
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
    if (looks-- > 0 && (connected('tcp') || connected('tcp6'))) timers.setTimeout(look, 20).unref();
    else inspector.close();
  };
  let left = ticks;
  const close = () => {
    timers.clearInterval(timer);
    timers.setTimeout(look, 100).unref();
  };
  const timer = timers.setInterval(() => --left <= 0 && close(), tickMs);
  timer.unref();
  return { renew: () => void (left = ticks), close };
})`;

class Lease {
  #session;
  #object;
  #renewing;

  constructor(session, object, renewMs) {
    this.#session = session;
    this.#object = object;
    // No renewal is waited for: that the target is silent, the next request for a result finds out.
    this.#renewing = setInterval(() => this.#call('renew', Infinity).catch(() => {}), renewMs);
    this.#renewing.unref();
    session.once('close', () => clearInterval(this.#renewing));
  }

  /**
   * Null where another process answers at this port.
   * @param {import('./session.js').Session} session @param {number[]} pids of the process, in each of its namespaces
   * @param {number} port @param {{ticks: number, tickMs: number, renewMs: number}} [terms]
   */
  static async take(session, pids, port, { ticks, tickMs, renewMs } = TERMS) {
    const object = await session.evaluateHandle(`${LEASE}(${JSON.stringify(pids)}, ${port}, ${ticks}, ${tickMs})`);
    return object === null ? null : new Lease(session, object, renewMs);
  }

  #call(method, patienceMs) {
    const functionDeclaration = `function () { this.${method}(); }`;
    return this.#session.send(
      'Runtime.callFunctionOn',
      { objectId: this.#object, functionDeclaration },
      { patienceMs },
    );
  }

  /** Closes the inspector and the connection. Where the target does not answer, its timer closes the inspector. */
  async close() {
    clearInterval(this.#renewing);
    await this.#call('close', CLOSE_MS).catch(() => {});
    this.#session.close();
  }
}

module.exports = { Lease, TERMS };

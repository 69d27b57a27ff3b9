'use strict';
// What a kubelet and a Service do with a container, as far as a probe or a signal tells it: restartPolicy Always,
// the probes and the grace of docs/health.md at a quicker pace.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawn } = require('node:child_process');

const PERIOD_MS = 200;
/** As long as a drain may take: a server that has stopped listening fails probes too. */
const LIVENESS_FAILURES = 50;

class Kubelet {
  #program;
  #dir;
  #graceMs;
  #timer;
  #child;
  #failures = 0;
  #deleted = false;
  #kill;
  /** Where the Service routes to; null while the container is not ready. */
  endpoint = null;
  /** How each container ended: {code, signal, killed}; killed: by SIGKILL after the grace. */
  ends = [];
  /** Containers that were killed for failing /livez. */
  livenessKills = 0;

  constructor(program, dir, { graceMs }) {
    this.#program = program;
    this.#dir = dir;
    this.#graceMs = graceMs;
    this.#start();
    this.#timer = setInterval(() => this.#probe(), PERIOD_MS);
  }

  #start() {
    fs.rmSync(path.join(this.#dir, 'port'), { force: true });
    this.#failures = 0;
    const child = spawn(process.execPath, [this.#program, this.#dir], { stdio: 'inherit' });
    this.#child = child;
    child.once('exit', (code, signal) => {
      clearTimeout(this.#kill);
      this.endpoint = null;
      this.ends.push({ code, signal, killed: signal === 'SIGKILL' });
      if (!this.#deleted) this.#start();
    });
  }

  /** As `kubectl delete pod`: out of the Service, SIGTERM, SIGKILL after the grace. */
  terminate() {
    this.#deleted = true;
    this.endpoint = null;
    const child = this.#child;
    child.kill('SIGTERM');
    this.#kill = setTimeout(() => child.kill('SIGKILL'), this.#graceMs);
  }

  async #probe() {
    const port = this.#port();
    if (port === null || this.#deleted) return;
    const [ready, alive] = await Promise.all([status(port, '/readyz'), status(port, '/livez')]);
    if (this.#port() !== port || this.#deleted) return;
    this.endpoint = ready === 200 ? port : null;
    this.#failures = alive === 200 ? 0 : this.#failures + 1;
    if (this.#failures === LIVENESS_FAILURES) this.livenessKills += Number(this.#child.kill('SIGTERM'));
  }

  #port() {
    try {
      return Number(fs.readFileSync(path.join(this.#dir, 'port'), 'utf8'));
    } catch {
      return null; // not listening yet
    }
  }

  stop() {
    this.#deleted = true;
    clearInterval(this.#timer);
    clearTimeout(this.#kill);
    this.#child.kill('SIGKILL');
  }
}

/** The status of an answer, or the code of the error in its place. */
function status(port, route) {
  return new Promise((resolve) => {
    http.get({ host: '127.0.0.1', port, path: route, agent: false, timeout: 5000 }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      .on('timeout', function timeout() { this.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })); })
      .on('error', (error) => resolve(error.code));
  });
}

module.exports = { Kubelet, status };

'use strict';
// What a heap image takes: memory of the child, processor time, time from the call to the file, the pause of the service.
//   node bench/image [--live 200] [--rate 5] [--rounds 5] [--leaks 2] [--method image] [--nice 0] [NODE ...]
//   node bench/image --cgroup [--case 200 ...]   in memory cgroups of version 1 (as root): 200 MB live in 512 MB, 100 MB
//                                                in 256 MB, 600 MB in 1.2 GB, and 2 GB without a limit
// LIVE: MB of small live objects. RATE: MB of them that the requests replace in a second. LEAKS: how often three images
// are taken while a Map leaks, and analyzed outside of the cgroup. Exits with 1 if an image is missing or unreadable, a
// leak is not named, a child has more private memory than twice the young generation and 15 % of the old one, an
// analysis takes more than 100 MB of anonymous memory, or the kernel killed a process for lack of memory. SIGTERM ends
// it after the image at hand.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { analyze } = require('../../index.js');
const { MemoryGroup } = require('./memory-group.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    live: { type: 'string', default: '200' },
    rate: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    leaks: { type: 'string', default: '2' },
    method: { type: 'string', default: 'image' },
    nice: { type: 'string', default: '0' },
    cgroup: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
  },
});

const MB = 2 ** 20;
/** How often the memory of a child is read, ms. */
const LOOK_MS = 50;
const CASES = [
  { live: 200, resident: 350, limit: 512 },
  { live: 100, resident: 175, limit: 256 },
  // V8 gives itself half of the container.
  { live: 600, resident: 840, limit: 1229, flags: ['--max-old-space-size=900'] },
  { live: 2048, resident: 0 },
];
/** What a child may have: a multiple of the young generation, and a share of the old one. */
const ALLOWED = { young: 2, old: 0.15 };

/** The variable of the service that leaks. */
const LEAKED = 'leaked';
/** What the analysis of three images may have of anonymous memory, if it spills. */
const ANALYSIS = 100 * MB;

const end = new AbortController();
process.once('SIGTERM', () => end.abort());

const round = (bytes) => Math.round(bytes / MB);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** The most private anonymous memory, and the processor time, of the children of a process. */
class Children {
  #pid;
  #timer;
  peak = 0;
  seconds = 0;

  constructor(pid) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  #look() {
    for (const pid of read(`/proc/${this.#pid}/task/${this.#pid}/children`).trim().split(' ')) {
      if (!read(`/proc/${pid}/comm`).startsWith('plimsoll-')) continue;
      const memory = read(`/proc/${pid}/smaps_rollup`);
      const kB = (field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(memory)?.[1] ?? 0);
      this.peak = Math.max(this.peak, (kB('Private_Dirty') + kB('Private_Clean')) * 1024);
      const times = read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ');
      this.seconds = Math.max(this.seconds, (Number(times[11]) + Number(times[12])) / 100 || 0);
    }
  }

  end() {
    clearInterval(this.#timer);
    return { child: this.peak, seconds: this.seconds };
  }
}

async function ask(service, what) {
  const children = new Children(service.pid);
  const answered = new AbortController();
  const { signal } = answered;
  service.send(what);
  try {
    const [answer] = await Promise.race([
      once(service, 'message', { signal }),
      once(service, 'exit', { signal }).then(([code, by]) => {
        throw new Error(`the service ended: ${by ?? code}`);
      }),
    ]);
    return { answer, ...children.end() };
  } finally {
    answered.abort();
  }
}

/** The most anonymous memory of the children of this process but for the service. */
class Analyzer {
  #timer;
  peak = 0;

  constructor(service) {
    this.#timer = setInterval(() => {
      for (const pid of read(`/proc/self/task/${process.pid}/children`).trim().split(' ')) {
        if (pid === `${service.pid}`) continue;
        const kB = Number(/RssAnon:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
        this.peak = Math.max(this.peak, kB * 1024);
      }
    }, LOOK_MS);
  }

  end() {
    clearInterval(this.#timer);
    return this.peak;
  }
}

/** The name of the first suspect of three images, and the anonymous memory of their analysis. */
async function analyzed(taken, service, dir) {
  const missing = taken.find(({ path: file }) => file === undefined);
  if (missing !== undefined) return { first: missing.message, anonymous: 0 };
  const analyzer = new Analyzer(service);
  const files = taken.map(({ path: file }) => file);
  const { suspects } = await analyze(files, { spill: dir });
  return { first: suspects[0]?.name ?? 'no suspect', anonymous: analyzer.end() };
}

async function measure(execPath, { live, resident, limit, flags = [] }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-image-bench-'));
  const group = limit === undefined ? null : new MemoryGroup(limit * MB);
  const { method } = values;
  const [rate, nice] = [values.rate, values.nice].map(Number);
  const given = JSON.stringify({ live, rate, resident, dir, method, nice });
  const service = fork(path.join(__dirname, 'service.js'), [given], {
    execPath,
    execArgv: ['--expose-gc', ...flags],
  });
  group?.add(service.pid);
  const failures = [];
  const rounds = [];
  let [tries, named, leaks, anonymous] = [0, 0, 0, 0];
  try {
    const [{ used, total, rss }] = await once(service, 'message');
    for (let at = 0; at < Number(values.rounds) && !end.signal.aborted; at++) {
      const { answer, ...cost } = await ask(service, 'take');
      tries++;
      if (answer.path === undefined) failures.push(`${answer.code}: ${answer.message}`);
      else {
        rounds.push({ ...answer, ...cost });
        fs.rmSync(answer.path);
      }
    }
    for (let at = 0; at < Number(values.leaks) && !end.signal.aborted; at++) {
      const { answer } = await ask(service, 'leak');
      leaks++;
      const { first, anonymous: most } = await analyzed(answer, service, dir);
      anonymous = Math.max(anonymous, most);
      if (first === LEAKED) named++;
      else failures.push(`the leak is not named, but ${first}`);
      for (const { path: file } of answer) if (file !== undefined) fs.rmSync(file);
    }
    service.send('end');
    await once(service, 'exit');
    const kills = group?.kills() ?? 0;
    const of = (pick) => (rounds.length === 0 ? NaN : median(rounds.map(pick)));
    const allowed = ({ young, old }) => ALLOWED.young * young + ALLOWED.old * old;
    const beyond = rounds.filter((each) => each.child > allowed(each));
    if (anonymous > ANALYSIS) failures.push(`an analysis took ${round(anonymous)} MB of anonymous memory`);
    if (method === 'image')
      for (const each of beyond)
        failures.push(`a child had ${round(each.child)} MB of ${round(allowed(each))} allowed`);
    console.table({
      [`${path.basename(execPath)}, ${limit ?? 'no'} limit`]: {
        'heap MB': round(used),
        'committed MB': round(total),
        'rss MB': round(rss),
        taken: `${rounds.length} of ${tries}`,
        'with another child': rounds.filter(({ retries }) => retries.length > 0).length,
        'leaks named': `${named} of ${leaks}`,
        'analysis anonymous MB, most': round(anonymous),
        'killed for memory': kills,
        'most in the group MB': group === null ? '-' : round(group.most()),
        'call to file ms': Math.round(of(({ ms }) => ms)),
        'pause ms': of(({ pauseMs }) => pauseMs).toFixed(1),
        'longest turn ms': Math.round(of(({ longest }) => longest)),
        'rewritten meanwhile MB': round(of(({ rewritten }) => rewritten)),
        'child private MB, median': round(of(({ child }) => child)),
        'children beyond what is allowed': beyond.length,
        'child private MB, most': round(Math.max(...rounds.map(({ child }) => child))),
        'allowed MB, median': round(of(allowed)),
        'child processor s': of(({ seconds }) => seconds),
        'file MB': of(({ bytes }) => bytes / MB).toFixed(1),
      },
    });
    return [...failures, ...(kills > 0 ? [`${kills} killed for lack of memory`] : [])];
  } finally {
    service.kill('SIGKILL');
    if (service.exitCode === null && service.signalCode === null) await once(service, 'exit');
    group?.remove();
    fs.rmSync(dir, { recursive: true });
  }
}

async function main() {
  const chosen = CASES.filter(({ live }) => values.case.length === 0 || values.case.includes(`${live}`));
  const cases = values.cgroup ? chosen : [{ live: Number(values.live), resident: 0 }];
  for (const execPath of positionals.length > 0 ? positionals : [process.execPath]) {
    for (const each of cases) {
      const failures = await measure(execPath, each);
      for (const failure of failures) console.log(failure);
      if (failures.length > 0) process.exitCode = 1;
    }
  }
}

void main();

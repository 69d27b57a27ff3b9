'use strict';
// Each program of children/track leaks one thing; its line is marked. The tracker's first suspect is it.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');

const FOLDER = path.join(__dirname, 'children/track');

async function suspectsOf(program, steps) {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(FOLDER, 'run.js'), program, String(steps)], { timeout: 60_000 });
  return JSON.parse(stdout);
}

function markedLine(program) {
  const lines = fs.readFileSync(path.join(FOLDER, program), 'utf8').split('\n');
  return 1 + lines.findIndex((line) => line.endsWith('// leak'));
}

const LEAKS = {
  'listener-emitter.js': ['listeners', 'change'],
  'listener-unlimited.js': ['listeners', 'message'],
  'listener-process.js': ['listeners', 'SIGUSR2'],
  'listener-signal.js': ['listeners', 'abort'],
  'signal-any.js': ['listeners', 'AbortSignal.any'],
  'listener-socket.js': ['listeners', 'close'],
  'event-names.js': ['listeners', '(any event)'],
  'interval.js': ['timers', 'connected'],
  'timeout.js': ['timers', 'setTimeout'],
  'promise.js': ['promises', 'answer'],
  'promise-timer.js': ['timers', 'setTimeout'],
  'stream.js': ['streams', null],
  'agent.js': ['sockets', /^127\.0\.0\.1:\d+$/],
  'response.js': ['sockets', /^127\.0\.0\.1:\d+$/],
};

for (const [program, [cause, name]] of Object.entries(LEAKS)) {
  test(`${program}: ${cause}, and the line that leaks first`, async () => {
    const [first, ...others] = await suspectsOf(program, 16);
    assert.ok(first, 'a suspect');
    assert.equal(first.cause, cause);
    if (name instanceof RegExp) assert.match(first.name, name);
    else if (name !== null) assert.equal(first.name, name);
    assert.deepEqual([first.file, first.line], [path.join(FOLDER, program), markedLine(program)]);
    assert.ok(first.count > 0 && first.growth.net > 0 && first.growth.perMinute > 0 && first.advice && first.path.length > 0);
    assert.ok(first.sites.length > 0 && first.sites[0].line === first.line);
    assert.deepEqual([first.bytes, first.bytesPerMinute], [null, null]);
    // Nothing else that the program does reads as a leak of its own at another place.
    assert.deepEqual(others.filter((other) => other.line !== first.line), []);
  });
}

test('healthy.js: no suspect, after any number of steps', async () => {
  const runs = await Promise.all([7, 12, 24].map((steps) => suspectsOf('healthy.js', steps)));
  assert.deepEqual(runs, [[], [], []]);
});

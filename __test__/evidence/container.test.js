'use strict';
// What Kubernetes does to a process, without a cluster: a memory cgroup, namespaces, a read-only root, a user without
// capabilities, kill -9 of the process group. It needs root and util-linux.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { temporaryDir, until } = require('../children/snapshot-support.js');
const { Service, died } = require('./services.js');

const CGROUPS = '/sys/fs/cgroup/memory';
const LIMIT = 220 * 2 ** 20;
const USER = 65_534;

const isRoot = process.getuid?.() === 0;
const unsharing = isRoot && spawnSync('unshare', ['--pid', '--fork', '--mount', 'true']).status === 0;
const noNamespaces = !unsharing && 'namespaces cannot be created here';

/** Why there is no memory cgroup of our own, or false. */
function noCgroup() {
  const probe = path.join(CGROUPS, `plimsoll-probe-${process.pid}`);
  try {
    fs.mkdirSync(probe);
    fs.rmdirSync(probe);
    return false;
  } catch {
    return 'no memory cgroup can be created here (v1)';
  }
}

/** Processes of the group may still be ending. */
const removeGroup = (group) =>
  until(() => {
    try {
      fs.rmdirSync(group);
      return true;
    } catch (error) {
      if (error.code !== 'EBUSY') throw error;
      return false;
    }
  });

test('a kill at the limit of the cgroup is the cause', { skip: noCgroup() }, async (t) => {
  const dir = temporaryDir(t);
  const group = path.join(CGROUPS, `plimsoll-test-${process.pid}`);
  fs.mkdirSync(group);
  t.after(() => removeGroup(group));
  fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(LIMIT));
  const through = ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'];
  const full = new Service(dir, ['buffers'], { through });
  const [, signal] = await once(full.child, 'exit');
  assert.equal(signal, 'SIGKILL');
  const next = new Service(dir, [], { through });
  const { postMortem } = await next.first('previous');
  assert.equal(postMortem.cause, 'cgroup-limit', JSON.stringify(postMortem));
  assert.ok(postMortem.oomKills >= 1);
  await next.end();
});

/** A container: pid and mount namespaces, a root that is read-only but for `dir`, a user without capabilities. */
const containerOf = (dir) => [
  'unshare',
  '--pid',
  '--fork',
  '--mount',
  '--kill-child',
  'sh',
  '-ec',
  `mount --make-rprivate / && mount -t proc proc /proc && mount --bind ${dir} ${dir} && mount --bind / / &&
   mount -o remount,ro,bind / && exec setpriv --reuid=${USER} --regid=${USER} --clear-groups --bounding-set=-all --no-new-privs "$@"`,
  'sh',
];

/** A directory like an emptyDir of fsGroup. */
function emptyDir(t, mode = 0o777) {
  const dir = temporaryDir(t);
  fs.chmodSync(dir, mode);
  return dir;
}

/** The user of the container has to read this file. */
const noAccess =
  noNamespaces ||
  (spawnSync('setpriv', [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', 'cat', __filename]).status !== 0 &&
    'another user cannot read the project here');

test('in a container with a read-only root, without rights, killed as a group', { skip: noAccess }, async (t) => {
  const dir = emptyDir(t);
  const through = containerOf(dir);
  assert.equal(await died(dir, ['snapshot'], { through }), 1, 'it is the first process of its namespace');
  assert.ok(fs.readdirSync(dir).some((name) => name.endsWith('.heapsnapshot')));
  const next = new Service(dir, [], { through });
  const { postMortem } = await next.first('previous');
  assert.equal(postMortem.pid, 1);
  assert.notEqual(postMortem.startedAt, null);
  await next.end();
});

test('a directory that another user wrote is a clear warning', { skip: noAccess }, async (t) => {
  const dir = emptyDir(t);
  await died(dir);
  const next = new Service(dir, [], { through: containerOf(dir) });
  const foreign = await until(() => next.of('warning').find(({ code }) => code === 'PLIMSOLL_FOREIGN_STATE'));
  assert.match(foreign.message, /belongs to the user 0, and this process runs as 65534/);
  await next.end();
});

test(
  'a directory that cannot be written to is an error with a code, and the service runs',
  { skip: noAccess },
  async (t) => {
    const dir = emptyDir(t, 0o755);
    const next = new Service(dir, [], { through: containerOf(dir) });
    const { message } = await next.first('error');
    assert.match(message, /cannot be written/);
    await next.end();
  },
);

// Shallow size, retained size, dominator and distance of every node, ours beside DevTools'.
//   node compare.mjs [SNAPSHOT...]      without snapshots: of the service, on each version of Node, and of a page in Chrome
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import './build.mjs';
import { takeOfPage } from './page.js';

const print = (line) => process.stdout.write(`${line}\n`);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const root = here('../..');
const NONE = 0xffff_ffff_ffff_ffffn;
const { load } = await import('./load.mjs');

execFileSync('cargo', ['build', '--release', '--quiet', '--example', 'load'], { cwd: root, stdio: 'inherit' });
const loader = path.join(root, 'target/release/examples/load');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-devtools-'));

/** Five numbers a node: id, shallow size, retained size, dominator's id, distance. */
function ours(file) {
  const dump = path.join(dir, 'dump');
  execFileSync(loader, [file, '--dump', dump]);
  const bytes = fs.readFileSync(dump);
  return new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
}

async function compare(file) {
  const mine = ours(file);
  const snapshot = await load(file);
  const {
    nodes,
    nodeCount,
    nodeFieldCount,
    nodeIdOffset,
    nodeSelfSizeOffset,
    retainedSizes,
    dominatorsTree,
    nodeDistances,
  } = snapshot;
  const id = (ordinal) => nodes.getValue(ordinal * nodeFieldCount + nodeIdOffset);
  assert.equal(mine.length, nodeCount * 5, 'as many nodes');
  const differing = { id: 0, shallow: 0, retained: 0, dominator: 0, distance: 0 };
  for (let ordinal = 0; ordinal < nodeCount; ordinal++) {
    const at = ordinal * 5;
    if (Number(mine[at]) !== id(ordinal)) differing.id++;
    if (Number(mine[at + 1]) !== nodes.getValue(ordinal * nodeFieldCount + nodeSelfSizeOffset)) differing.shallow++;
    if (Number(mine[at + 2]) !== retainedSizes[ordinal]) differing.retained++;
    if (Number(mine[at + 3]) !== id(dominatorsTree[ordinal])) differing.dominator++;
    const distance = mine[at + 4] === NONE ? -5 : Number(mine[at + 4]);
    if (distance !== nodeDistances[ordinal]) differing.distance++;
  }
  const holds = contents(snapshot);
  print(
    `${path.basename(file)}: ${nodeCount} nodes compared, differing: ${JSON.stringify(differing)}; among them ${JSON.stringify(holds)}`,
  );
  assert.deepEqual(differing, { id: 0, shallow: 0, retained: 0, dominator: 0, distance: 0 });
  return { nodeCount, holds };
}

/**
 * How much of a snapshot is of the kinds that are hard to get right. Node 20 to 26 write no node for what an external string
 * refers to, and collect what only weak references reach; snapshots of Chrome have both.
 */
function contents({ nodes, nodeCount, nodeFieldCount, nodeNameOffset, strings, nodeDistances }) {
  const count = {
    contexts: 0,
    externalStrings: 0,
    weakMaps: 0,
    weakMapValues: 0,
    heldByV8Alone: 0,
    onlyWeaklyReachable: 0,
  };
  const key = new Map([
    ['system / NativeContext', 'contexts'],
    ['system / ExternalStringData', 'externalStrings'],
    ['WeakMap', 'weakMaps'],
  ]);
  for (let ordinal = 0; ordinal < nodeCount; ordinal++) {
    const kind = key.get(strings[nodes.getValue(ordinal * nodeFieldCount + nodeNameOffset)]);
    if (kind !== undefined) count[kind]++;
    if (nodeDistances[ordinal] === -5) count.onlyWeaklyReachable++;
    if (nodeDistances[ordinal] >= 100_000_000) count.heldByV8Alone++;
  }
  // Each value has a name of its own for the table's edge and its key's.
  count.weakMapValues = strings.filter((text) => / pair in WeakMap \(table @\d+\)$/.test(text)).length;
  return count;
}

let total = 0;
try {
  const given = process.argv.slice(2);
  for (const file of given) total += (await compare(path.resolve(file))).nodeCount;
  for (const version of given.length > 0 ? [] : [20, 22, 24, 26]) {
    const file = path.join(dir, `node-${version}.heapsnapshot`);
    execFileSync(here(`node_modules/node-${version}/bin/node`), [here('service.js'), file]);
    const { nodeCount, holds } = await compare(file);
    assert.ok(nodeCount >= 1_000_000, `${nodeCount} nodes are fewer than a million`);
    for (const kind of ['contexts', 'weakMaps', 'weakMapValues', 'heldByV8Alone'])
      assert.ok(holds[kind] > 1, `the service holds ${holds[kind]} of ${kind}`);
    total += nodeCount;
    fs.rmSync(file);
  }
  const page = path.join(dir, 'chrome.heapsnapshot');
  if (given.length === 0 && (await takeOfPage(page))) {
    const { nodeCount, holds } = await compare(page);
    for (const kind of ['externalStrings', 'weakMapValues', 'onlyWeaklyReachable'])
      assert.ok(holds[kind] > 1, `the page holds ${holds[kind]} of ${kind}`);
    total += nodeCount;
  }
} finally {
  fs.rmSync(dir, { recursive: true });
}
print(`${total} nodes compared, all equal`);
process.exit(0);

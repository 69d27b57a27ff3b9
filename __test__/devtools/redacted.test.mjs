// DevTools' own parser loads redacted snapshots, and finds in them what leads to a leak.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import './build.mjs';

const { load } = await import('./load.mjs');
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const program = here('../children/secrets.js');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-redacted-'));
test.after(() => fs.rmSync(dir, { recursive: true }));

/** HOLDER.NAME for each property and variable that holds a node of this name. */
function heldBy(snapshot, name) {
  const {
    strings,
    nodes,
    nodeCount,
    nodeFieldCount,
    nodeNameOffset,
    firstEdgeIndexes,
    containmentEdges,
    edgeFieldsCount,
    edgeNameOffset,
    edgeToNodeOffset,
    edgeTypeOffset,
    edgeTypes,
  } = snapshot;
  const named = new Set(['property', 'context'].map((type) => edgeTypes.indexOf(type)));
  const nameOf = (node) => strings[nodes.getValue(node + nodeNameOffset)];
  const found = new Set();
  for (let ordinal = 0; ordinal < nodeCount; ordinal++) {
    for (let edge = firstEdgeIndexes[ordinal]; edge < firstEdgeIndexes[ordinal + 1]; edge += edgeFieldsCount) {
      if (!named.has(containmentEdges.getValue(edge + edgeTypeOffset))) continue;
      if (nameOf(containmentEdges.getValue(edge + edgeToNodeOffset)) !== name) continue;
      found.add(`${nameOf(ordinal * nodeFieldCount)}.${strings[containmentEdges.getValue(edge + edgeNameOffset)]}`);
    }
  }
  return found;
}

for (const version of [20, 22, 24, 26]) {
  test(`node ${version}`, async (t) => {
    const mark = `q${crypto.randomBytes(6).toString('hex')}`;
    const options = JSON.stringify({ dir, redact: true });
    const file = execFileSync(here(`node_modules/node-${version}/bin/node`), [program, options], {
      encoding: 'utf8',
      env: { ...process.env, MARK: mark },
    });
    const { snapshot: header } = JSON.parse(fs.readFileSync(file, 'utf8'));
    const snapshot = await load(file);
    assert.equal(snapshot.nodeCount, header.node_count);
    assert.deepEqual(
      snapshot.strings.filter((text) => text.includes(mark)),
      [],
    );
    const root = snapshot.rootNodeIndexInternal / snapshot.nodeFieldCount;
    assert.ok(snapshot.retainedSizes[root] > 1_000_000, 'dominators');
    assert.ok(snapshot.nodeDistances.filter((distance) => distance > 1).length > snapshot.nodeCount / 2, 'distances');
    assert.ok(heldBy(snapshot, 'Map').has('Object.map'), 'a property');
    assert.ok(heldBy(snapshot, 'Object').has('system / Context.planted'), 'a variable');
    t.diagnostic(`${header.node_count} nodes loaded`);
  });
}

// Its second thread stays.
test.after(() => setImmediate(() => process.exit()));

// Loads a snapshot as DevTools does, with its second thread, and hands out what it computed.
import fs from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { HeapSnapshotLoader, SecondaryInitManager } from './node_modules/.cache/worker.mjs';

// DevTools warns of nodes that nothing retains; they are among what is compared.
globalThis.console.warn = () => {};

/** @param {string} path @returns {Promise<any>} DevTools' JSHeapSnapshot */
export async function load(path) {
  const worker = new Worker(new URL(import.meta.url));
  const { port1, port2 } = new MessageChannel();
  worker.postMessage(port2, [port2]);
  const loader = new HeapSnapshotLoader({ sendEvent() {} });
  for await (const text of fs.createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    loader.write(text);
    await new Promise(setImmediate);
  }
  loader.close();
  const snapshot = await loader.buildSnapshot(port1);
  await worker.terminate();
  return snapshot;
}

if (!isMainThread) {
  let manager; // kept, or it is collected with the port it listens to
  parentPort.once('message', (port) => {
    manager = new SecondaryInitManager(port);
    void manager;
  });
} else if (process.argv[1] === new URL(import.meta.url).pathname) {
  const snapshot = await load(process.argv[2]);
  const { nodeCount: nodes, rootNodeIndexInternal: root, nodeFieldCount: fields } = snapshot;
  process.stdout.write(`${JSON.stringify({ nodes, retained: snapshot.retainedSizes[root / fields] })}\n`);
  process.exit(0);
}

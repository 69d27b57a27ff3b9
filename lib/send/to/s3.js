'use strict';
// s3: any S3-compatible store, through the optional peers @aws-sdk/client-s3 and @aws-sdk/lib-storage. They read the
// endpoint, the region and the credentials from the AWS variables and the standard credential chain.

const path = require('node:path');
const { PlimsollError } = require('../../errors.js');
const { failure } = require('../compress.js');

const PEERS = ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'];
/** Two parts of this size are in memory. */
const PART_BYTES = 8 * 2 ** 20;

/** Where each peer is: beside the application's script, in the working directory, or beside plimsoll. */
function findPeers(script = process.argv[1]) {
  const paths = [...(script === undefined ? [] : [path.dirname(script)]), process.cwd(), __dirname];
  try {
    return PEERS.map((name) => require.resolve(name, { paths }));
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_OPTION',
      `send to s3:// needs two packages that are not installed; run: npm install ${PEERS.join(' ')}`,
      { cause },
    );
  }
}

/** @param {{ bucket: string, prefix: string, peers: string[] }} destination @param {import('../transfer.js').Parcel} parcel */
async function toS3({ bucket, prefix, peers }, { object, open, signal }) {
  const { S3Client } = require(peers[0]);
  const { Upload } = require(peers[1]);
  const isOwnEndpoint = Boolean(process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL);
  const client = new S3Client({ maxAttempts: 1, forcePathStyle: isOwnEndpoint });
  const key = prefix === '' ? object : `${prefix}/${object}`;
  const body = open();
  const upload = new Upload({
    client,
    params: { Bucket: bucket, Key: key, Body: body },
    partSize: PART_BYTES,
    queueSize: 2,
  });
  const abort = () => void upload.abort().catch(() => {});
  signal.addEventListener('abort', abort, { once: true });
  try {
    await upload.done();
  } catch (error) {
    const status = error?.$metadata?.httpStatusCode;
    throw status === undefined ? error : failure(`HTTP_${status}`, error.name);
  } finally {
    signal.removeEventListener('abort', abort);
    body.destroy();
    client.destroy();
  }
}

module.exports = { toS3, findPeers };

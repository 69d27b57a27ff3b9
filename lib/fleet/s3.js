'use strict';
// Reports in an S3-compatible store, through the optional peer @aws-sdk/client-s3. The peer reads the endpoint, the
// region and the credentials from the AWS variables and the standard credential chain.

const path = require('node:path');
const { createRequire } = require('node:module');
const { PlimsollError, quote } = require('../errors.js');
const { isReportName, textOf, tooLarge, MOST_BYTES } = require('./sources.js');

const SDK = '@aws-sdk/client-s3';
const LOCATION = /^s3:\/\/([^/]+)\/?(.*)$/s;

/** The SDK of the working directory, else the one beside plimsoll. */
function loadSdk() {
  try {
    return createRequire(path.join(process.cwd(), 'package.json'))(SDK);
  } catch {
    try {
      return require(SDK);
    } catch (cause) {
      throw new PlimsollError('ERR_PLIMSOLL_PEER', `s3:// needs the package ${SDK}: npm install ${SDK}`, { cause });
    }
  }
}

/**
 * The reports below s3://bucket/prefix.
 * @param {string} source @param {(name: string, why: string) => void} skip @param {any} [sdk]
 * @returns {AsyncIterable<import('./sources.js').Source>}
 */
function s3Source(source, skip, sdk = loadSdk()) {
  const [, bucket, prefix] = LOCATION.exec(source) ?? [];
  if (bucket === undefined)
    throw new PlimsollError('ERR_PLIMSOLL_USAGE', `${quote(source)} has no bucket; write s3://bucket/prefix.`);
  const own = Boolean(process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL);
  const client = new sdk.S3Client({ forcePathStyle: own });
  return objects(sdk, client, { bucket, prefix, skip });
}

async function* objects(sdk, client, { bucket, prefix, skip }) {
  let token;
  try {
    do {
      const page = await listed(sdk, client, { Bucket: bucket, Prefix: prefix, ContinuationToken: token }, skip);
      for (const each of page.Contents ?? [])
        if (isReportName(path.posix.basename(each.Key))) yield objectOf(sdk, client, bucket, each);
      token = page.NextContinuationToken;
    } while (token !== undefined);
  } finally {
    client.destroy();
  }
}

/** A page of the listing. A store that refuses is one line, and the other sources still count. */
async function listed({ ListObjectsV2Command }, client, wanted, skip) {
  try {
    return await client.send(new ListObjectsV2Command(wanted));
  } catch (error) {
    skip(`s3://${wanted.Bucket}/${wanted.Prefix}`, `cannot be listed (${error.name})`);
    return {};
  }
}

function objectOf({ GetObjectCommand }, client, bucket, { Key, Size, LastModified }) {
  const read = async () => {
    if (Size > MOST_BYTES) throw tooLarge(Size);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return textOf(Buffer.from(await Body.transformToByteArray()), Key);
  };
  return { name: `s3://${bucket}/${Key}`, read, modifiedMs: () => LastModified?.getTime() ?? NaN };
}

module.exports = { s3Source };

'use strict';
// Why a binary did not load, and what to do: the generated loader (binding.js) and lib/analyzer-binding.js put every
// place that they tried into the causes of their error.

/** The platforms that have a binary; package.json's napi.targets by their short names. */
const PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
];

/** Those of this system: both C libraries of Linux, of which npm installs one. */
function ownPlatforms() {
  const prefix = `${process.platform}-${process.arch}`;
  return PLATFORMS.filter((platform) => platform === prefix || platform.startsWith(`${prefix}-`));
}

const WITHOUT_SERVICE = 'Caches work without it; the watch and snapshots are off.';

/**
 * First lines of the messages of an error and its causes, without the loader's own words and its tries of WebAssembly.
 */
function messages(error) {
  const list = [];
  for (let each = error; each instanceof Error; each = each.cause) list.push(each.message.split('\n')[0]);
  return list.filter((message) => !/^Cannot find native binding|wasi/.test(message));
}

/**
 * @param {Error | undefined} error what was thrown, its causes the other tries; undefined if the platform has no binary
 * @param {string} [consequence] what does not work without the binary
 * @returns {string}
 */
function explainLoadError(error, consequence = WITHOUT_SERVICE) {
  const tried = messages(error);
  const missing = tried.map(
    (message) =>
      /^Cannot find module '(?:plimsoll-(?!analyzer)|\.\.?\/plimsoll(?:-analyzer)?\.)([a-z0-9-]+?)(?:\.node|\/[^']*)?'/.exec(
        message,
      )?.[1],
  );
  const failure = tried.find((message, at) => missing[at] === undefined);
  if (failure !== undefined && /GLIBC(XX)?_/.test(failure)) {
    return `the native binary did not load (${failure}): the C library of this system is older than that of Debian 10, Ubuntu 20.04 or RHEL 8. Use a newer system or base image. ${consequence}`;
  }
  if (failure !== undefined) {
    return `the native binary did not load (${failure}). If node_modules was copied from another machine or image, install on this one: npm ci --include=optional. ${consequence}`;
  }
  const platform = missing.find((name) => PLATFORMS.includes(name));
  if (platform === undefined)
    return `there is no native binary for ${process.platform}-${process.arch}; supported are ${PLATFORMS.join(', ')}. ${consequence}`;
  return `the native binary for this platform is not installed: it is in the package plimsoll-${platform}, an optional dependency. Install on this platform and with optional dependencies: npm ci --include=optional. If the lock file is from another platform and lacks it: npm install plimsoll. In a clone: npm run build. ${consequence}`;
}

module.exports = { explainLoadError, ownPlatforms, PLATFORMS };

'use strict';
// Why the binding did not load, and what to do: the generated loader (binding.js) tells of every place that it looked at.

/** The platforms that have a binary; package.json's napi.targets by their short names. */
const PLATFORMS = ['linux-x64-gnu', 'linux-arm64-gnu', 'linux-x64-musl', 'linux-arm64-musl', 'darwin-x64', 'darwin-arm64', 'win32-x64-msvc'];
const OTHER = 'Caches work without it; what watches is off.';

/** First lines of the messages of an error and its causes, without the loader's own words and its tries of WebAssembly. */
function messages(error) {
  const list = [];
  for (let each = error; each instanceof Error; each = each.cause) list.push(each.message.split('\n')[0]);
  return list.filter((message) => !/^Cannot find native binding|wasi/.test(message));
}

/** @param {Error} error what binding.js threw @returns {string} */
function explainLoadError(error) {
  const tried = messages(error);
  const missing = tried.map((message) => /^Cannot find module '(?:plimsoll-|\.\/plimsoll\.)([a-z0-9-]+?)(?:\.node)?'/.exec(message)?.[1]);
  const failure = tried.find((message, at) => missing[at] === undefined);
  if (failure !== undefined && /GLIBC(XX)?_/.test(failure)) {
    return `the native binary did not load (${failure}): the C library of this system is older than that of Debian 10, Ubuntu 20.04 or RHEL 8. Use a newer system or base image. ${OTHER}`;
  }
  if (failure !== undefined) {
    return `the native binary did not load (${failure}). If node_modules was copied from another machine or image, install on this one: npm ci --include=optional. ${OTHER}`;
  }
  const platform = missing.find((name) => PLATFORMS.includes(name));
  if (platform === undefined) return `there is no native binary for ${process.platform}-${process.arch} (there is for ${PLATFORMS.join(', ')}). ${OTHER}`;
  return `the native binary for this platform is not installed: it is in the package plimsoll-${platform}, an optional dependency. Install on this platform and with optional dependencies (npm ci --include=optional; where the lock file was made on another platform and lacks it, npm install plimsoll once more). In a checkout: npm run build. ${OTHER}`;
}

module.exports = { explainLoadError, PLATFORMS };

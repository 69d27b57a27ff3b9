'use strict';
// Which service, release, host and pod this process is, by the variables that OpenTelemetry and Kubernetes define.

const os = require('node:os');

const LONGEST = 256;

/** `service.name=api,host.name=a%2Cb` as an object. A value that is not percent-encoded correctly stays as it is. */
function attributesOf(text = '') {
  const pairs = text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(pairs);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const first = (...values) => values.find((value) => value)?.slice(0, LONGEST) ?? null;

/**
 * @param {NodeJS.ProcessEnv} [env] @param {string} [hostname]
 * @returns {{service: string | null, release: string | null, host: string | null, pod: string | null}} `host` is the
 * machine: in Kubernetes the node, which the process knows by NODE_NAME or an attribute only
 */
function deploymentOf(env = process.env, hostname = os.hostname()) {
  const attributes = attributesOf(env.OTEL_RESOURCE_ATTRIBUTES);
  const inKubernetes = Boolean(env.KUBERNETES_SERVICE_HOST);
  return {
    service: first(env.OTEL_SERVICE_NAME, attributes['service.name']),
    release: first(env.PLIMSOLL_RELEASE, attributes['service.version']),
    host: first(attributes['k8s.node.name'], env.NODE_NAME, attributes['host.name'], !inKubernetes && hostname),
    pod: first(attributes['k8s.pod.name'], env.POD_NAME, inKubernetes && hostname),
  };
}

module.exports = { deploymentOf };

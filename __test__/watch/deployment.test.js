'use strict';
const assert = require('node:assert/strict');
const test = require('node:test');
const { deploymentOf } = require('../../lib/watch/deployment.js');

test('without variables the host is the host name, and the rest is null', () => {
  assert.deepEqual(deploymentOf({}, 'box'), { service: null, release: null, host: 'box', pod: null });
});

test('in Kubernetes the host name is the pod, and the node is known by the downward API', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', PLIMSOLL_RELEASE: '1.2.3', OTEL_SERVICE_NAME: 'api' };
  assert.deepEqual(deploymentOf(env, 'api-7f'), { service: 'api', release: '1.2.3', host: null, pod: 'api-7f' });
  assert.deepEqual(deploymentOf({ ...env, NODE_NAME: 'n1', POD_NAME: 'p1' }, 'x'), {
    service: 'api',
    release: '1.2.3',
    host: 'n1',
    pod: 'p1',
  });
});

test('OTEL_RESOURCE_ATTRIBUTES is decoded, and the variables of their own come first', () => {
  const OTEL_RESOURCE_ATTRIBUTES = 'service.name=a%2Cb, service.version=2.0.0,k8s.pod.name=p,host.name=%zz,,x,=y';
  assert.deepEqual(deploymentOf({ OTEL_RESOURCE_ATTRIBUTES }, 'box'), {
    service: 'a,b',
    release: '2.0.0',
    host: '%zz',
    pod: 'p',
  });
  const env = { OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME: 'own', PLIMSOLL_RELEASE: '3' };
  assert.deepEqual([deploymentOf(env, 'box').service, deploymentOf(env, 'box').release], ['own', '3']);
});

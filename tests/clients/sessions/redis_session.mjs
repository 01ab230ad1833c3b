// Sessions of node-redis and ioredis; ends with status 0 if all checks hold.
//
// usage: redis_session.mjs <folder with node_modules> <port on 127.0.0.1, or path of a Unix socket>

import assert from 'node:assert';
import { createRequire } from 'node:module';

const [folder, address] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { createClient } = require('redis');
const Redis = require('ioredis');
const isPort = /^[0-9]+$/.test(address);

for (const RESP of [2, 3]) {
  const socket = isPort ? { host: '127.0.0.1', port: +address } : { path: address };
  const client = createClient({ socket, database: 3, RESP });
  await client.connect();
  await client.flushDb();
  await client.set('a', '1', { EX: 100 });
  assert.equal(await client.get('a'), '1');
  assert.equal(await client.incr('a'), 2);
  assert.deepEqual(await client.mGet(['a', 'b']), ['2', null]);
  const replies = await client.multi().set('x', '1').incr('x').get('x').exec();
  assert.deepEqual(replies.map(String), ['OK', '2', '2']);
  await Promise.all(Array.from({ length: 2000 }, (_, n) => client.set(`k${n}`, 'v')));
  const seen = new Set();
  for await (const keys of client.scanIterator({ MATCH: 'k*' })) {
    for (const key of [keys].flat()) seen.add(key);
  }
  assert.equal(seen.size, 2000);
  assert.equal(await client.eval('return KEYS[1]', { keys: ['q'], arguments: [] }), 'q');
  await client.quit();
  console.log(`node-redis, RESP${RESP}`);
}

const client = new Redis(isPort ? { host: '127.0.0.1', port: +address, db: 4 } : { path: address, db: 4 });
await client.flushdb();
await client.set('a', 5, 'PX', 10000);
assert.equal(await client.get('a'), '5');
assert.deepEqual(await client.pipeline().incr('a').get('a').exec(), [[null, 6], [null, '6']]);
assert.deepEqual(await client.multi().incr('a').exec(), [[null, 7]]);
client.defineCommand('read', { numberOfKeys: 1, lua: 'return redis.call("get", KEYS[1])' });
assert.equal(await client.read('a'), '7');
assert((await client.info()).includes('redis_version'));
client.disconnect();
console.log('ioredis');

// SPDX-License-Identifier: Apache-2.0
// The plain bridge that Hookline is compared with: kafkajs reads, undici posts, 64 connections, a batch
// at a time. No fan-out, no signature, no results, no order per call, no retries.
'use strict';

const { Kafka, logLevel } = require('kafkajs');
const { Pool } = require('undici');

const [brokers, topic, group, origin, connections = '64'] = process.argv.slice(2);
if (!origin) {
  console.error('Usage: bridge.js BROKERS TOPIC GROUP ORIGIN [CONNECTIONS]');
  process.exit(2);
}

const pool = new Pool(origin, { connections: Number(connections), pipelining: 1 });
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: group });

async function post(message) {
  const { headers } = message;
  const answer = await pool.request({
    method: 'POST',
    path: '/0',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'bench-peer',
      'webhook-id': headers['hookline-id'].toString(),
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'hookline-event': headers['hookline-event'].toString(),
      'hookline-attempt': '1',
      'hookline-tenant': headers['hookline-tenant'].toString(),
    },
    body: message.value,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`answered with ${answer.statusCode}`);
}

async function postAll(messages) {
  let next = 0;
  const worker = async () => {
    while (next < messages.length) await post(messages[next++]);
  };
  await Promise.all(Array.from({ length: Number(connections) }, worker));
}

async function stop() {
  await consumer.disconnect();
  await pool.close();
  process.exit(0);
}

async function main() {
  process.on('SIGTERM', stop);
  consumer.on(consumer.events.CRASH, ({ payload }) => console.error(payload.error));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 200,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
      await postAll(batch.messages);
      resolveOffset(batch.lastOffset());
      await commitOffsetsIfNecessary();
      await heartbeat();
    },
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

// The signature of a request to Shoplaunch: node sign.mjs SECRET TIMESTAMP EVENT METHOD TARGET < body
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

export function signature(secret, timestamp, event, method, target, body) {
  const digest = createHash('sha256').update(body).digest('hex');
  const text = [timestamp, event, method.toUpperCase(), target, digest].join('\n');
  return `v1=${createHmac('sha256', secret).update(text).digest('hex')}`;
}

console.log(signature(...process.argv.slice(2, 7), readFileSync(0)));

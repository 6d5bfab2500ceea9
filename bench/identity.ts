import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { authSettingsSchema } from '../src/contract/auth-config';
import { newApiKey } from '../src/security/api-key';
import { Authenticator } from '../src/security/authenticator';
import { LiveCredentials } from '../src/security/live-credentials';
import { Tokens } from '../src/security/tokens';
import type { Report } from './report';
import { percentile, round } from './statistics';

interface Row {
  readonly name: string;
  readonly calls: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
}

const keysKept = 10_000;
const issuedAs = { issuer: 'bench', audience: 'bench' };

/** What finding out who calls adds to a request, by what is shown; beside the library that verifies signatures, alone. */
export async function identity({ quick }: { readonly quick: boolean }): Promise<Report> {
  const calls = quick ? 1000 : 4000;
  const rows = [
    await apiKeys(calls),
    ...(await tokens('HS256', calls)),
    ...(await tokens('RS256', calls)),
    ...(await tokens('ES256', calls)),
  ];
  return {
    bench: 'identity',
    head: ['credential', 'calls', 'p50 ms', 'p95 ms', 'p99 ms'],
    cells: rows.map(({ name, calls: count, p50_ms, p95_ms, p99_ms }) => [
      ...[name, count],
      ...[p50_ms, p95_ms, p99_ms].map((ms) => ms.toFixed(4)),
    ]),
    remarks: [
      'One call after the other, in one thread; a first call with a token, then the same token again.',
    ],
    rows,
  };
}

async function apiKeys(calls: number): Promise<Row> {
  const made = Array.from({ length: keysKept }, () => newApiKey());
  const never = new Date(Date.now() + 86_400_000);
  const live = new LiveCredentials({
    news: () =>
      Promise.resolve({
        keys: made.map(({ keyId, hash }) => ({
          ...{ keyId, hash, tenantId: 'demo', roles: ['viewer'], scopes: [], description: '' },
          ...{ createdAt: new Date(), createdBy: 'bench', owner: 'bench', expiresAt: never },
          ...{ revokedAt: null, rotatedTo: null, lastUsed: null, perMinute: null },
        })),
        revoked: [],
      }),
    onHint: () => undefined,
    used: () => Promise.resolve(),
    failed: () => undefined,
  });
  await live.start();
  const authenticator = authenticatorOf({ live });
  const row = await timed(`API key, one of ${keysKept}`, calls, (call) =>
    authenticator.authenticate({ apiKey: made[call % keysKept]!.apiKey }),
  );
  await live.stop();
  return row;
}

async function tokens(algorithm: 'HS256' | 'RS256' | 'ES256', calls: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-bench-'));
  try {
    const { settings, key } = keyOf(algorithm, folder);
    const ours = new Tokens(authSettingsSchema.parse({ ...issuedAs, ...settings }));
    const signed: string[] = [];
    for (let call = 0; call < calls; call++) {
      const asked = { sub: `user-${call}`, tenantId: 'demo', roles: ['viewer'], typ: 'access' } as const;
      signed.push((await ours.sign({ ...asked, seconds: 900 })).token);
    }
    const authenticator = authenticatorOf({ tokens: ours });
    const show = (call: number) => authenticator.authenticate({ authorization: `Bearer ${signed[call]}` });
    return [
      await timed(`${algorithm}, its signature alone (jose)`, calls, (call) =>
        jwtVerify(signed[call]!, key, issuedAs),
      ),
      await timed(`${algorithm}, first seen`, calls, show),
      await timed(`${algorithm}, seen before`, calls, show),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function keyOf(
  algorithm: 'HS256' | 'RS256' | 'ES256',
  folder: string,
): { settings: object; key: Uint8Array | KeyObject } {
  if (algorithm === 'HS256') {
    const secret = randomBytes(32).toString('hex');
    return { settings: { jwt_secret_key: secret }, key: new TextEncoder().encode(secret) };
  }
  const { privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(folder, 'key.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { settings: { jwt_private_key_path: file }, key: createPublicKey(privateKey) };
}

function authenticatorOf(known: {
  readonly live?: LiveCredentials;
  readonly tokens?: Tokens;
}): Authenticator {
  return new Authenticator({
    verifyToken: (token) => known.tokens!.verify(token),
    identityOfKey: (apiKey) => known.live!.identityOf(apiKey),
    identityOfCertificate: () => null,
    attempted: () => undefined,
  });
}

async function timed(name: string, calls: number, call: (index: number) => Promise<unknown>): Promise<Row> {
  const took = new Float64Array(calls);
  for (let index = 0; index < calls; index++) {
    const startedAt = performance.now();
    await call(index);
    took[index] = performance.now() - startedAt;
  }
  took.sort();
  const at = (percent: number) => round(percentile(took, percent)!, 4);
  return { name, calls, p50_ms: at(50), p95_ms: at(95), p99_ms: at(99) };
}

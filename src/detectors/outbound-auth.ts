import { readFile } from 'node:fs/promises';
import type { DetectorCall } from '../contract/plan';

/** A secret reference that cannot be followed; names the reference, never a value. */
class SecretReferenceError extends Error {
  override readonly name = 'SecretReferenceError';
}

/** Headers that authenticate us at a detector (spec/orchestration.md 7, Outbound). */
export async function authHeaders(
  call: Pick<DetectorCall, 'auth_type' | 'auth_config'>,
): Promise<Record<string, string>> {
  const config = call.auth_config;
  switch (call.auth_type) {
    case 'none':
      return {};
    case 'api_key':
      return { [text(config['header']) ?? 'X-API-Key']: await secret(config['secret_ref']) };
    case 'bearer_token':
      return { Authorization: `Bearer ${await secret(config['secret_ref'])}` };
    case 'basic_auth': {
      const pair = `${await secret(config['username_ref'])}:${await secret(config['password_ref'])}`;
      return { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
    }
  }
}

async function secret(reference: unknown): Promise<string> {
  const [, scheme, name] = /^(env|file):(.+)$/.exec(text(reference) ?? '') ?? [];
  if (scheme === undefined || name === undefined) {
    throw new SecretReferenceError('a secret must be a reference like env:NAME or file:/path');
  }
  const value = scheme === 'env' ? process.env[name] : (await readFile(name, 'utf8').catch(() => '')).trim();
  if (value === undefined || value === '')
    throw new SecretReferenceError(`${scheme}:${name} holds no secret`);
  return value;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

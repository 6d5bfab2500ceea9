import { readFile, realpath } from 'node:fs/promises';
import nodePath from 'node:path';
import { z } from 'zod';
import { CredentialsError } from './credentials-error';

/** Follows what stands behind the colon of a reference; undefined where nothing is kept. */
export type SecretScheme = (place: string) => Promise<string | undefined>;

export interface VaultAccess {
  /** VAULT_ADDR */
  readonly address: string | undefined;
  /** VAULT_TOKEN, read anew for each request: it may be renewed. */
  readonly token: () => string | undefined;
  /** VAULT_NAMESPACE */
  readonly namespace: string | undefined;
}

const vaultTimeoutMs = 5000;

export const fromEnvironment =
  (environment: NodeJS.ProcessEnv): SecretScheme =>
  async (name) => {
    if (ours.test(name)) throw new CredentialsError(`env:${name} is no secret for upstreams`);
    return environment[name];
  };

/** What the process itself runs with: whoever had it would be us. */
const ours = /^(?:ORCHESTRATION|CONCLAVE|VAULT)_/i;

/** @param closed folders of which no file is given away, however it is named */
export function fromFile(closed: readonly string[]): SecretScheme {
  return async (path) => {
    const file = await realpath(path).catch(() => undefined);
    if (file === undefined) return undefined;
    const folders = await Promise.all(closed.map((folder) => realpath(folder).catch(() => folder)));
    if (folders.some((folder) => isBelow(file, folder))) {
      throw new CredentialsError(`file:${path} is no secret for upstreams`);
    }
    return readFile(file, 'utf8').catch(() => undefined);
  };
}

function isBelow(file: string, folder: string): boolean {
  const way = nodePath.relative(folder, file);
  return way !== '..' && !way.startsWith(`..${nodePath.sep}`) && !nodePath.isAbsolute(way);
}

/** Answers of both versions of Vault's key-value engine: the second nests once more. */
const vaultAnswerSchema = z.object({ data: z.record(z.string(), z.json()) });

/** `path#key` over Vault's HTTP API, e.g. `secret/data/detectors/lakera#api_key`. */
export function fromVault({ address, token, namespace }: VaultAccess, ask = fetch): SecretScheme {
  return async (place) => {
    const [path = '', key = ''] = place.split('#');
    if (address === undefined) throw new CredentialsError(`vault:${place} needs VAULT_ADDR`);
    const answer = await ask(new URL(`/v1/${path}`, address), {
      headers: {
        'X-Vault-Request': 'true',
        'X-Vault-Token': token() ?? '',
        ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
      },
      redirect: 'error',
      signal: AbortSignal.timeout(vaultTimeoutMs),
    }).catch(() => {
      throw new CredentialsError(`vault:${place} got no answer from the vault`, true);
    });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) {
      throw new CredentialsError(
        `vault:${place} was refused by the vault (${answer.status})`,
        answer.status >= 500,
      );
    }
    const parsed = vaultAnswerSchema.safeParse(await answer.json().catch(() => null));
    if (!parsed.success) throw new CredentialsError(`vault:${place} got an answer that is none of a vault`);
    const { data } = parsed.data;
    const inner = data['data'];
    const values = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : data;
    const value = values[key];
    return typeof value === 'string' ? value : undefined;
  };
}

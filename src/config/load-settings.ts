import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { environmentAliases, secretKeys, type Settings, settingsSchema } from '../contract/config';

/** Where the value of one key came from. */
export interface Origin {
  readonly value: unknown;
  readonly source: string;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** By dotted key, only what is not a default. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Every fault of the configuration at once, each with its key and source. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly faults: readonly string[]) {
    super(`the configuration is invalid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

const prefix = 'ORCHESTRATION_';
const configPathVariable = 'ORCHESTRATION_CONFIG_PATH';

/**
 * Settings from `settings.yaml`, the overlay `settings.<environment>.yaml` beside it, and ORCHESTRATION_* variables;
 * the later wins (spec/orchestration.md 9.5).
 * @throws SettingsError naming every invalid or unknown key
 */
export function loadSettings(environment: NodeJS.ProcessEnv = process.env): LoadedSettings {
  const origins = new Map<string, Origin>();
  const faults: string[] = [];
  const basePath = environment[configPathVariable] ?? path.join('config', 'settings.yaml');
  if (environment[configPathVariable] !== undefined && !existsSync(basePath)) {
    throw new SettingsError([`${configPathVariable} names ${basePath}, which does not exist`]);
  }
  readFile(basePath, origins, faults);
  const inFile = origins.get('service.environment')?.value;
  const named = environment['ORCHESTRATION_ENV'] ?? (typeof inFile === 'string' ? inFile : 'development');
  readFile(basePath.replace(/(\.ya?ml)$/, `.${named}$1`), origins, faults);
  readEnvironment(environment, origins, faults);

  const parsed = settingsSchema.safeParse(nested(origins));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) faults.push(...describe(issue, origins));
  }
  if (faults.length > 0 || !parsed.success) throw new SettingsError(faults);
  return { settings: parsed.data, origins };
}

/** One line on what a key is set to and why; secrets are masked. Null for a key that does not exist. */
export function explainSetting(
  loaded: LoadedSettings,
  key: string,
): { value: string; source: string } | null {
  const value = valueAt(loaded.settings, key);
  if (value === undefined) return null;
  const source = isSection(value)
    ? [
        ...new Set(
          [...loaded.origins].filter(([known]) => known.startsWith(`${key}.`)).map(([, o]) => o.source),
        ),
      ]
    : [loaded.origins.get(key)?.source ?? 'default'];
  return { value: JSON.stringify(masked(value, key)), source: source.join(', ') || 'default' };
}

/** What stands at a dotted name; undefined where nothing does. */
function valueAt(settings: unknown, key: string): unknown {
  let value = settings;
  for (const part of key.split('.')) {
    if (!isSection(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function masked(value: unknown, key: string): unknown {
  if (secretKeys.includes(key) && value !== null) return '********';
  if (!isSection(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([part, inner]) => [part, masked(inner, `${key}.${part}`)]),
  );
}

function readFile(file: string, origins: Map<string, Origin>, faults: string[]): void {
  if (!existsSync(file)) return;
  const document = parseDocument(readFileSync(file, 'utf8'));
  if (document.errors.length > 0) {
    faults.push(...document.errors.map((error) => `${file}: ${error.message.split('\n')[0]}`));
    return;
  }
  const content = document.toJS() as unknown;
  if (content !== null && !isSection(content)) faults.push(`${file}: must hold sections with keys`);
  flatten(content, '', (key, value) => origins.set(key, { value, source: file }));
}

function flatten(value: unknown, key: string, put: (key: string, value: unknown) => void): void {
  if (!isSection(value)) {
    if (key !== '') put(key, value);
    return;
  }
  for (const [part, inner] of Object.entries(value))
    flatten(inner, key === '' ? part : `${key}.${part}`, put);
}

function readEnvironment(
  environment: NodeJS.ProcessEnv,
  origins: Map<string, Origin>,
  faults: string[],
): void {
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || variable === configPathVariable || text === undefined) continue;
    const key =
      environmentAliases[variable] ?? variable.slice(prefix.length).toLowerCase().replaceAll('__', '.');
    if (!isKnown(key)) {
      faults.push(`${variable}: there is no setting ${key}`);
      continue;
    }
    origins.set(key, { value: parseText(text, key), source: variable });
  }
}

const defaults = settingsSchema.parse({});

function isKnown(key: string): boolean {
  const value = valueAt(defaults, key);
  return value !== undefined && !isSection(value);
}

/** Numbers, booleans, null and lists are written as JSON; everything else is text. */
function parseText(text: string, key: string): unknown {
  const isText = typeof valueAt(defaults, key) === 'string' && text !== 'null';
  if (secretKeys.includes(key) || isText) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function nested(origins: ReadonlyMap<string, Origin>): unknown {
  const root = emptySection();
  for (const [key, { value }] of origins) {
    const parts = key.split('.');
    let node = root;
    for (const part of parts.slice(0, -1)) {
      node[part] = isSection(node[part]) ? node[part] : emptySection();
      node = node[part] as Record<string, unknown>;
    }
    node[parts.at(-1)!] = value;
  }
  return root;
}

/** Without a prototype, so that a key like `__proto__` is an unknown key and nothing else. */
function emptySection(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function describe(
  issue: { code: string; path: PropertyKey[]; message: string; keys?: string[] },
  origins: ReadonlyMap<string, Origin>,
): string[] {
  const at = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((name) => {
      const key = at === '' ? name : `${at}.${name}`;
      const source = [...origins].find(([known]) => known === key || known.startsWith(`${key}.`))?.[1].source;
      return `${source ?? 'settings'}: unknown key ${key}`;
    });
  }
  return [`${origins.get(at)?.source ?? 'settings'}: ${at}: ${issue.message}`];
}

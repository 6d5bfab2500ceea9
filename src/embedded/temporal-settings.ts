import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const temporalDir = path.resolve(__dirname, '..', '..', 'temporal');

const searchAttributesSchema = z.record(z.string(), z.enum(['Keyword', 'KeywordList']));
const dynamicConfigSchema = z.record(z.string(), z.tuple([z.strictObject({ value: z.json() })]));

/** Custom search attributes by name, out of temporal/search-attributes.yaml. */
export function searchAttributes(): Record<string, 'Keyword' | 'KeywordList'> {
  return searchAttributesSchema.parse(readYaml('search-attributes.yaml'));
}

/** Dynamic configuration by key, out of temporal/dynamicconfig/conclave.yaml. */
export function dynamicConfig(): Record<string, unknown> {
  const entries = Object.entries(dynamicConfigSchema.parse(readYaml('dynamicconfig/conclave.yaml')));
  return Object.fromEntries(entries.map(([key, [{ value }]]) => [key, value]));
}

function readYaml(file: string): unknown {
  return parse(readFileSync(path.join(temporalDir, file), 'utf8')) as unknown;
}

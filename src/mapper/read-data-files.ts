import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type AnySchemaObject, type ValidateFunction } from 'ajv/dist/2020';
import { parse } from 'yaml';
import {
  type DataFiles,
  type DetectorFile,
  type FrameworksFile,
  KnowledgeError,
  type TaxonomyFile,
} from './data-files';

/**
 * Reads `taxonomy.yaml`, `frameworks.yaml` and `detectors/*.yaml` of a folder and checks each against its JSON Schema
 * in `schema/`.
 *
 * @throws KnowledgeError with every unreadable file and every breach of a schema
 */
export function readDataFiles(dir: string): DataFiles {
  const faults: string[] = [];
  const reader = new FileReader(dir, faults);
  const taxonomy = reader.read('taxonomy.yaml', reader.schema<TaxonomyFile>('taxonomy'));
  const frameworks = reader.read('frameworks.yaml', reader.schema<FrameworksFile>('frameworks'));
  const detectorSchema = reader.schema<DetectorFile>('detector');
  const detectors = reader
    .list('detectors')
    .map((file) => reader.read(file, detectorSchema))
    .filter((file) => file !== undefined);
  if (faults.length > 0 || taxonomy === undefined || frameworks === undefined)
    throw new KnowledgeError(faults);
  return { taxonomy, frameworks, detectors };
}

class FileReader {
  private readonly ajv = new Ajv2020({ allErrors: true });

  constructor(
    private readonly dir: string,
    private readonly faults: string[],
  ) {}

  schema<T>(name: string): ValidateFunction<T> | undefined {
    return this.attempt(`schema/${name}.schema.json`, (text) =>
      this.ajv.compile<T>(JSON.parse(text) as AnySchemaObject),
    );
  }

  /** The folder's YAML files by path inside the data folder, in alphabetical order. */
  list(folder: string): string[] {
    try {
      return readdirSync(join(this.dir, folder))
        .filter((name) => name.endsWith('.yaml'))
        .sort()
        .map((name) => join(folder, name));
    } catch (error) {
      this.faults.push(`${folder}: cannot be read (${reasonOf(error)})`);
      return [];
    }
  }

  read<T>(file: string, validate: ValidateFunction<T> | undefined): T | undefined {
    const content = this.attempt(file, (text): unknown => parse(text));
    if (content === undefined || validate === undefined) return undefined;
    if (validate(content)) return content;
    for (const { instancePath, message } of validate.errors ?? []) {
      this.faults.push(`${file}: ${instancePath || '/'} ${message ?? 'is not valid'}`);
    }
    return undefined;
  }

  private attempt<T>(file: string, use: (text: string) => T): T | undefined {
    try {
      return use(readFileSync(join(this.dir, file), 'utf8'));
    } catch (error) {
      this.faults.push(`${file}: cannot be read (${reasonOf(error)})`);
      return undefined;
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n', 1)[0]! : 'unknown reason';
}

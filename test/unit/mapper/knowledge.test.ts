import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFaults } from '../../../src/mapper/check-data-files';
import { type DataFiles, KnowledgeError } from '../../../src/mapper/data-files';
import { loadKnowledge } from '../../../src/mapper/knowledge';
import { knowledge, taxonomyDir } from './samples';

function faultsAfter(change: (files: DataFiles) => void): string[] {
  const { taxonomy, frameworks, detectors } = knowledge();
  const files = structuredClone({ taxonomy, frameworks, detectors });
  change(files);
  return findFaults(files);
}

describe('the load checks', () => {
  it('find nothing in the data of the project', () => {
    expect(faultsAfter(() => undefined)).toEqual([]);
  });

  const label = { label: 'brand new', category: 'PII.Other' };
  const detector = {
    detector: 'new',
    version: '1.0.0',
    vendor: 'x',
    kind: 'rules',
    taxonomy_version: '3.0.0',
  } as const;

  it.each<[string, (files: DataFiles) => void, string]>([
    [
      'a label without a live target',
      ({ detectors }) => detectors.push({ ...detector, labels: [{ ...label, category: 'PII.Gone' }] }),
      'new: label brand new leads to PII.Gone, which is not live',
    ],
    [
      'a replacement that does not exist',
      ({ taxonomy }) =>
        taxonomy.retired.push({ id: 'PII.Old', replaced_by: 'PII.Gone', retired_in: '3.0.0' }),
      'retired category PII.Old is replaced by PII.Gone, which is not live',
    ],
    [
      'a category that is live and retired',
      ({ taxonomy }) => taxonomy.retired.push({ id: 'PII.Other', retired_in: '3.0.0' }),
      'category PII.Other is both live and retired',
    ],
    [
      'an alias of two categories',
      ({ taxonomy }) => taxonomy.categories.find(({ id }) => id === 'PII.Other')!.aliases!.push('email'),
      'alias email occurs more than once',
    ],
    [
      'detectors that disagree on a folded label',
      ({ detectors }) =>
        detectors.push({ ...detector, labels: [{ label: 'Toxic', category: 'OTHER.Safe' }] }),
      'label toxic leads to HARM.SPEECH.Toxicity in anthropic-claude-safety and to OTHER.Safe in new',
    ],
    [
      'a reference to no control',
      ({ frameworks }) => frameworks.mappings[0]!.base.push('SOC2:CC99'),
      'mapping of PII.Identifier.SSN refers to SOC2:CC99, which is no control',
    ],
    [
      'a category without a mapping',
      ({ frameworks }) => frameworks.mappings.shift(),
      'category PII.Identifier.SSN has no mapping to controls',
    ],
    [
      'a mapping of an unknown category',
      ({ frameworks }) => frameworks.mappings.push({ category: 'PII.Gone', base: [], extended: [] }),
      'mapping of PII.Gone, which is not a live category',
    ],
    [
      'a detector file for another taxonomy',
      ({ detectors }) => detectors.push({ ...detector, taxonomy_version: '2.0.0', labels: [label] }),
      'new is for taxonomy 2.0.0, loaded is 3.0.0',
    ],
    [
      'frameworks for another taxonomy',
      ({ frameworks }) => (frameworks.taxonomy_version = '2.0.0'),
      'frameworks is for taxonomy 2.0.0, loaded is 3.0.0',
    ],
    [
      'a detector described twice',
      ({ detectors }) => detectors.push({ ...detector, detector: 'presidio', labels: [label] }),
      'detector presidio occurs more than once',
    ],
    [
      'a label listed twice',
      ({ detectors }) => detectors.push({ ...detector, labels: [label, label] }),
      'new: label brand new occurs more than once',
    ],
    [
      'a category outside the domains',
      ({ taxonomy }) => taxonomy.domains.shift(),
      'category PII.Identifier.SSN is in no domain',
    ],
    [
      'a data class of an unknown framework',
      ({ frameworks }) =>
        frameworks.data_classes.push({ framework: 'NONE', class: 'X', categories: ['PII.Other'] }),
      'data class X belongs to NONE, which is no framework',
    ],
    [
      'a data class of an unknown category',
      ({ frameworks }) =>
        frameworks.data_classes.push({ framework: 'GDPR', class: 'X', categories: ['PII.Gone'] }),
      'data class X holds PII.Gone, which is not live',
    ],
  ])('find %s', (_what, change, fault) => {
    expect(faultsAfter(change)).toContain(fault);
  });
});

describe('loading a folder', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'mapper-data-'));
    cpSync(taxonomyDir, dir, { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function faults(): readonly string[] {
    try {
      loadKnowledge(dir);
      return [];
    } catch (error) {
      if (!(error instanceof KnowledgeError)) throw error;
      return error.faults;
    }
  }

  it('succeeds for sound data', () => {
    expect(faults()).toEqual([]);
  });

  it('lists every fault of every file at once', () => {
    writeFileSync(join(dir, 'detectors', 'a.yaml'), 'detector: "no spaces"\nlabels: []\n');
    writeFileSync(join(dir, 'detectors', 'b.yaml'), 'detector: [unclosed\n');
    rmSync(join(dir, 'frameworks.yaml'));
    const found = faults();
    expect(found).toEqual(
      expect.arrayContaining([
        "detectors/a.yaml: / must have required property 'vendor'",
        'detectors/a.yaml: /detector must match pattern "^[A-Za-z0-9_-]{1,100}$"',
        'detectors/a.yaml: /labels must NOT have fewer than 1 items',
        expect.stringMatching(/^detectors\/b\.yaml: cannot be read/),
        expect.stringMatching(/^frameworks\.yaml: cannot be read/),
      ]),
    );
  });

  it('names all that is missing in a folder that is empty', () => {
    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    expect(faults().map((fault) => fault.split(':')[0])).toEqual([
      'schema/taxonomy.schema.json',
      'taxonomy.yaml',
      'schema/frameworks.schema.json',
      'frameworks.yaml',
      'schema/detector.schema.json',
      'detectors',
    ]);
  });
});

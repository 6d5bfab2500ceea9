import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHash, generateKeyPairSync } from 'node:crypto';
import {
  type EvidenceApproval,
  type EvidenceEvent,
  evidenceFiles,
  type EvidenceIncident,
  type EvidenceManifest,
  type EvidenceMapping,
} from '../../../src/contract/evidence';
import type { EvidenceFigures } from '../../../src/domain/evidence-summary';
import { conclave } from '../../support/conclave-command';
import { findings, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System, testServers } from '../../support/system';

jest.setTimeout(240_000);

interface Exported {
  readonly manifest: EvidenceManifest;
  readonly figures: EvidenceFigures;
}

const secretWords = 'nobody-may-read-this';
const folder = mkdtempSync(path.join(tmpdir(), 'evidence-'));
const out = path.join(folder, 'acme');

let system: System;
let env: Record<string, string>;
let exported: Exported;
const asked = { acme: [] as string[], globex: [] as string[] };

const command = (...args: string[]) => conclave(['evidence', ...args], env);
const exporting = (...more: string[]) =>
  command('export', '--tenant', 'acme', '--framework', 'GDPR', '--from', '1d', '--to', '0d', ...more);

beforeAll(async () => {
  const policy = { required_detectors: ['a', 'b'] };
  system = await System.start({
    mapper: 'real',
    detectors: ['a', { name: 'b', max_retries: 0 }],
    policies: { 'acme/default': { policy }, 'globex/default': { policy } },
    env: patience,
  });
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  await judgeSome();
  await decideSome();
  const { code, stdout, stderr } = await exporting('--out', out, '--format', 'json');
  expect([code, stderr]).toEqual([0, '']);
  exported = JSON.parse(stdout) as Exported;
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Of acme six with mail addresses, two of them without detector b, and two without; one of globex. */
async function judgeSome(): Promise<void> {
  const mails = findings((content) =>
    content.includes('mail') ? [{ start: 0, end: 4, detection: 'email', score: 0.9 }] : [],
  );
  system.detectors.behave('a', mails).behave('b', findings());
  const judge = async (tenant: 'acme' | 'globex', content: string, expected: number) => {
    const answer = await system.orchestrate({ tenant_id: tenant, content: `${secretWords} ${content}` });
    expect(answer.status).toBe(expected);
    asked[tenant].push(answer.body.request_id);
  };
  for (const content of ['mail 1', 'mail 2', 'nothing 1']) await judge('acme', content, 200);
  system.detectors.behave('b', status(500));
  for (const content of ['mail 3', 'mail 4']) await judge('acme', content, 206);
  system.detectors.behave('b', findings());
  for (const content of ['mail 5', 'mail 6', 'nothing 2']) await judge('acme', content, 200);
  await judge('globex', 'mail 7', 200);
}

async function decideSome(): Promise<void> {
  const as = (principal: string, tenant = 'acme') => ({ 'x-principal': principal, 'x-tenant-id': tenant });
  const put = {
    policy: {
      required_detectors: ['a'],
      coverage_calculation: { calculation_method: 'required_set' },
    },
    requires_approval: true,
  };
  expect((await system.request('PUT', '/policies/another', put, as('ann'))).status).toBe(201);
  const review = '/policies/another/versions/1.0/review';
  const approved = await system.request('POST', review, { decision: 'approve' }, as('bob'));
  expect(approved.status).toBe(200);
  expect((await system.request('PUT', '/policies/theirs', put, as('mallory', 'globex'))).status).toBe(201);
}

function linesOf<T>(file: string, dir = out): T[] {
  const text = readFileSync(path.join(dir, file), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** A copy to be tampered with. */
function copy(): string {
  const dir = mkdtempSync(path.join(folder, 'copy-'));
  cpSync(out, dir, { recursive: true });
  return dir;
}

interface Signed {
  readonly report: EvidenceManifest;
  readonly signature: { readonly key_id: string };
}

const manifestIn = (dir: string) =>
  JSON.parse(readFileSync(path.join(dir, 'manifest.json'), 'utf8')) as Signed;

describe('An evidence package', () => {
  it('verifies, by the key of the installation, by a key that is given, and where neither is at hand [platform 21.4]', async () => {
    const here = await command('verify', out, '--format', 'json');
    expect([here.code, JSON.parse(here.stdout)]).toMatchObject([
      0,
      { intact: true, tenant_id: 'acme', framework: 'GDPR', key_known: true, made_unreadable: 0, faults: [] },
    ]);
    const elsewhere = mkdtempSync(path.join(folder, 'elsewhere-'));
    const there = { ORCHESTRATION_DATA_DIR: elsewhere };
    const alone = await conclave(['evidence', 'verify', out], there);
    expect([alone.code, alone.stdout]).toEqual([
      0,
      expect.stringContaining('nothing here could be compared'),
    ]);
    // An auditor's machine is given no key by looking.
    expect(readdirSync(elsewhere)).toEqual([]);
    const key = (await conclave(['audit', 'key'], env)).stdout.trim();
    const given = await conclave(['evidence', 'verify', out, '--key', key], there);
    expect([given.code, given.stdout]).toEqual([0, expect.stringContaining('which is known here')]);
    const { publicKey } = generateKeyPairSync('ed25519');
    const others = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const strange = await conclave(['evidence', 'verify', out, '--key', others], there);
    expect([strange.code, strange.stdout]).toEqual([1, expect.stringContaining('not known here')]);
  });

  it('has all that was judged, with the categories and the controls that they are evidence for', () => {
    const mappings = linesOf<EvidenceMapping>('mappings.ndjson');
    expect(mappings.map(({ request_id }) => request_id).toSorted()).toEqual(asked.acme.toSorted());
    const mails = mappings.filter(({ controls }) => controls.length > 0);
    expect(mails).toHaveLength(6);
    for (const mapping of mails)
      expect(mapping).toMatchObject({
        verdict: 'adverse',
        mapping: 'mapped',
        categories: ['PII.Contact.Email'],
        controls: ['Art.5', 'Art.6', 'Art.32'],
        taxonomy: '3.0.0',
      });
    const events = linesOf<EvidenceEvent>('events.ndjson');
    expect(events.filter(({ kind }) => kind === 'orchestration')).toHaveLength(8);
  });

  it('has figures that agree with what was judged', () => {
    const { figures } = exported;
    expect(figures.verdicts).toMatchObject({
      ...{ total: 8, adverse: 6, benign: 2, none: 0, not_recorded: 0, less_than_full_coverage: 2 },
      mean_coverage: 0.875,
    });
    const controls = new Map(figures.controls.map((one) => [one.control_id, one]));
    expect(controls.get('Art.32')).toMatchObject({
      verdicts: { total: 6, adverse: 6, less_than_full_coverage: 2 },
      by_category: { 'PII.Contact.Email': 6 },
    });
    expect(controls.get('Art.9')?.verdicts.total).toBe(0);
    expect(figures.without_evidence).toContain('Art.9');
    expect(JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8'))).toMatchObject({ ...figures });
  });

  it('has what went wrong with how long it took, who decided what, and the versions in use', () => {
    const [incident, ...others] = linesOf<EvidenceIncident>('incidents.ndjson');
    expect(others).toEqual([]);
    expect(incident).toMatchObject({
      ...{ detector: 'b', opened_by: asked.acme[3], resolved_by: asked.acme[5], verdicts: 2 },
      causes: { outage: 2 },
    });
    const took = Date.parse(incident!.resolved_at!) - Date.parse(incident!.opened_at);
    expect(incident!.seconds_to_resolve).toBe(took / 1000);
    const approvals = linesOf<EvidenceApproval>('approvals.ndjson');
    expect(approvals.map(({ decision, by, version }) => [decision, by, version])).toEqual([
      // What lay in the folder of policies when it began.
      ['folder', 'folder', '1.0'],
      ['put', 'ann', '1.0'],
      ['approve', 'bob', '1.0'],
    ]);
    const versions = JSON.parse(readFileSync(path.join(out, 'versions.json'), 'utf8')) as object;
    expect(versions).toMatchObject({
      taxonomy: '3.0.0',
      on_record: {
        policies: [{ bundle: 'default', version: '1.0', verdicts: 8 }],
        taxonomies: [{ version: '3.0.0', verdicts: 8 }],
      },
    });
  });

  it('holds nothing of another tenant and no content, is for its owner’s eyes, and is on record', async () => {
    expect(readdirSync(out).toSorted()).toEqual([...evidenceFiles, 'manifest.json'].toSorted());
    for (const name of readdirSync(out)) {
      const text = readFileSync(path.join(out, name), 'utf8');
      for (const foreign of ['globex', 'theirs', 'mallory', ...asked.globex])
        expect([name, foreign, text.includes(foreign)]).toEqual([name, foreign, false]);
      expect(text).not.toContain(secretWords);
      expect(statSync(path.join(out, name)).mode & 0o777).toBe(0o600);
    }
    const { rows } = await system.db.query<{ record: object }>(
      `select record from audit where tenant_id = 'acme' and record ->> 'action' = 'conclave evidence export'`,
    );
    expect(rows).toMatchObject([
      { record: { principal: 'cli', target: { framework: 'GDPR' }, outcome: 'done' } },
    ]);
  });

  it.each([...evidenceFiles, 'manifest.json'])(
    'shows a changed byte in %s, and names the file',
    async (name) => {
      const dir = copy();
      const file = path.join(dir, name);
      const bytes = readFileSync(file);
      const at = name === 'manifest.json' ? bytes.indexOf('acme') : bytes.length >> 1;
      // No checkpoint may have been due: then what was added is what is found.
      if (bytes.length === 0) writeFileSync(file, '{}\n');
      else
        writeFileSync(
          file,
          Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 1]), bytes.subarray(at + 1)]),
        );
      const { code, stdout } = await command('verify', dir);
      expect([code, stdout]).toEqual([1, expect.stringContaining(`${name}: `)]);
    },
  );

  it('shows a changed row of the audit log, though the digests of files were made to fit [platform 21.3]', async () => {
    const dir = copy();
    const [row] = linesOf<EvidenceEvent>('events.ndjson').filter(({ kind }) => kind === 'orchestration');
    const file = path.join(dir, 'events.ndjson');
    const changed = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) =>
        line.includes(row!.hash) ? line.replace('"verdict":"adverse"', '"verdict":"benign"') : line,
      )
      .join('\n');
    writeFileSync(file, changed);
    const signed = manifestIn(dir);
    const sha256 = createHash('sha256').update(changed).digest('hex');
    const files = signed.report.files.map((one) => (one.name === 'events.ndjson' ? { ...one, sha256 } : one));
    writeFileSync(
      path.join(dir, 'manifest.json'),
      JSON.stringify({ ...signed, report: { ...signed.report, files } }),
    );
    const { code, stdout } = await command('verify', dir);
    expect(code).toBe(1);
    expect(stdout).toContain(`(row ${row!.sequence}, position ${row!.position}) is not what was sealed`);
    expect(stdout).toContain('manifest.json: the signature is not over what it says');
  });

  it('shows a file that is missing, and one that was added', async () => {
    const dir = copy();
    rmSync(path.join(dir, 'approvals.ndjson'));
    writeFileSync(path.join(dir, 'letter.txt'), 'trust me');
    const { code, stdout } = await command('verify', dir, '--format', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      faults: [
        { file: 'approvals.ndjson', message: 'it cannot be read' },
        { file: 'letter.txt', message: 'the manifest does not name it' },
      ],
    });
  });
});

describe('conclave evidence', () => {
  it.each([
    ['a framework that nobody knows', ['--framework', 'SOX'], 'there are SOC2, ISO27001, HIPAA, GDPR'],
    ['an empty period', ['--from', '2026-02-01', '--to', '2026-02-01'], 'the period is empty'],
    ['a period that is not over', ['--to', '2999-01-01'], 'lies ahead'],
    [
      'a time when nothing happened',
      ['--from', '2020-01-01', '--to', '2020-02-01'],
      'nothing of tenant acme',
    ],
    ['a tenant that cannot be', ['--tenant', '../x'], 'is no id of a tenant'],
  ])('refuses %s', async (_name, args, why) => {
    const to = path.join(folder, 'refused');
    const { code, stdout, stderr } = await exporting('--out', to, ...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)]);
    expect(existsSync(to)).toBe(false);
  });

  it('overwrites nothing, and takes for a package only what is one', async () => {
    const again = await exporting('--out', out);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
    const none = await command('verify', folder);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('is no evidence package')]);
  });

  it('makes nothing of a chain that is not intact, and says which row', async () => {
    const { rows } = await system.db.query<{ sequence: string }>(
      `select sequence from audit where tenant_id = 'acme' and kind = 'orchestration' order by sequence limit 1`,
    );
    await system.db.query('alter table audit disable trigger user');
    await system.db.query(
      `update audit set record = record || '{"verdict": "benign"}' where sequence = ${rows[0]!.sequence}`,
    );
    await system.db.query('alter table audit enable trigger user');
    const to = path.join(folder, 'broken');
    const { code, stdout, stderr } = await exporting('--out', to);
    expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was written')]);
    expect(stdout).toMatch(new RegExp(`acme: altered.*row ${rows[0]!.sequence}`));
    expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).toEqual([]);
  });
});

import { looksLikeAttack } from '../../../src/mapper/attack-patterns';
import { MapperError } from '../../../src/mapper/errors';
import { refuseRawContent } from '../../../src/mapper/raw-content-guard';
import type { MapRequest } from '../../../src/mapper/requests';
import { knowledge, mapRequest } from './samples';

function refusal(given: Partial<MapRequest>): MapperError | undefined {
  try {
    refuseRawContent(mapRequest(given));
    return undefined;
  } catch (error) {
    if (error instanceof MapperError) return error;
    throw error;
  }
}

const nested = (depth: number): Record<string, unknown> => (depth === 0 ? {} : { inner: nested(depth - 1) });
const words = (count: number) => Array.from({ length: count }, () => 'w').join(' ');

it.each<[string, Partial<MapRequest>, string]>([
  ['a line break', { output: 'toxic\nhate' }, 'output'],
  ['more than 20 words', { output: `toxic|${words(21)}` }, 'output'],
  ['a signal of more than 256 characters', { output: 'x'.repeat(257) }, 'output'],
  ['prose in the provenance', { metadata: { provenance: [{ detector: 'd', output: words(21) }] } }, 'output'],
  ['an e-mail address as a signal', { output: 'toxic|ann@mail.example' }, 'output'],
  ['a long string in the metadata', { metadata: { note: 'x'.repeat(513) } }, 'metadata'],
  ['a long string deep in it', { metadata: { a: [{ b: ['x'.repeat(513)] }] } }, 'metadata'],
  ['a card number in the metadata', { metadata: { note: '4111 1111 1111 1111' } }, 'metadata'],
  [
    'an address as a label with a score',
    { metadata: { normalized_scores: { '203.0.113.9': 1 } } },
    'metadata',
  ],
  ['a field for secrets', { metadata: { a: { Password: 'x' } } }, 'metadata'],
  ['bottomless nesting', { metadata: nested(1000) }, 'metadata'],
])('refuses %s', (_what, given, path) => {
  expect(refusal(given)).toMatchObject({
    code: 'INVALID_REQUEST',
    detail: 'raw_content',
    fieldErrors: [{ path }],
  });
});

it('does not repeat what it refuses', () => {
  const error = refusal({ output: 'ann@mail.example' });
  expect(JSON.stringify([error?.message, error?.fieldErrors])).not.toMatch(/ann|example/);
  expect(error?.fieldErrors[0]?.message).toContain('EMAIL');
});

it.each<[string, Partial<MapRequest>]>([
  ['20 words', { output: words(20) }],
  ['256 characters', { output: '😀'.repeat(256) }],
  ['512 characters of metadata', { metadata: { note: 'x'.repeat(512) } }],
  ['labels that name kinds of content', { output: 'email|ssn_detected|password|credit_card|token' }],
  [
    'scores by such labels',
    { metadata: { normalized_scores: { password: 0.9, ssn: 1, token: 0.1234567890123456 } } },
  ],
  [
    'the ids and digests of an orchestration',
    {
      metadata: {
        request_id: '12345678-1234-4123-8123-123456789012',
        policy: { bundle: 'default', version: '1.0.3' },
        at: '2026-11-21T10:09:38.419Z',
      },
    },
  ],
])('admits %s', (_what, given) => {
  expect(refusal(given)).toBeUndefined();
});

it('admits every label of every detector file', () => {
  const refused = knowledge().detectors.flatMap(({ labels }) =>
    labels.filter(({ label }) => refusal({ output: label })),
  );
  expect(refused).toEqual([]);
});

it('tells attacks from labels that name them', () => {
  expect(['<script>', '../../etc', "x'; DROP table", '${jndi:ldap'].every(looksLikeAttack)).toBe(true);
  expect(['sql_injection', 'script', 'PROMPT_INJECTION', 'drop_shipping'].some(looksLikeAttack)).toBe(false);
});

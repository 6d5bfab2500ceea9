import { indexLabels } from '../../../src/mapper/label-index';
import { matchSignal } from '../../../src/mapper/rules';
import { knowledge } from './samples';

function match(detector: string, label: string) {
  return matchSignal({ detector, label }, knowledge().labels);
}

it.each([
  ['exact', 'presidio', 'US_SSN', 'PII.Identifier.SSN', 0.8],
  ['exact', 'openai-moderation', 'hate/threatening', 'HARM.SPEECH.Hate.Other', 0.8],
  ['exact', 'presidio', 'CITY', 'PII.Contact.Address', 0.5],
  ['folded', 'presidio', ' us-ssn ', 'PII.Identifier.SSN', 0.7],
  ['folded', 'deberta-toxicity', 'SEVERE . toxic', 'HARM.SPEECH.Toxicity', 0.7],
  ['other_detector', 'unheard-of', 'Sexual/Minors', 'HARM.VIOLENCE.ChildSexualAbuse', 0.65],
  ['other_detector', 'orchestrated-multi', 'city', 'PII.Contact.Address', 0.5],
  ['alias', 'unheard-of', 'made up', 'OTHER.Hallucination', 0.6],
  ['tokens', 'unheard-of', 'user_us_ssn_found', 'PII.Identifier.SSN', 0.5],
  ['tokens', 'unheard-of', 'found: made up', 'OTHER.Hallucination', 0.5],
  ['none', 'unheard-of', 'unsafely', 'OTHER.Unknown', 0],
  ['none', 'unheard-of', 'not_very_toxic', 'OTHER.Unknown', 0],
  ['none', 'unheard-of', 'speech without hate', 'OTHER.Unknown', 0],
  ['none', 'unheard-of', '...', 'OTHER.Unknown', 0],
  ['none', 'unheard-of', 'constructor', 'OTHER.Unknown', 0],
  ['malformed', 'presidio', '', 'OTHER.ModelError', 0],
  ['malformed', 'presidio', '   ', 'OTHER.ModelError', 0],
  ['malformed', 'presidio', 'US\u0007SSN', 'OTHER.ModelError', 0],
  ['malformed', 'presidio', 'x'.repeat(257), 'OTHER.ModelError', 0],
])('%s: %s reports %j', (step, detector, label, category, strength) => {
  expect(match(detector, label)).toEqual({ category, step, strength });
});

it('counts the length of a signal in code points', () => {
  expect(match('presidio', '😀'.repeat(256)).step).toBe('none');
});

describe('among known phrases', () => {
  const labels = indexLabels(
    [
      { id: 'A.Short', title: '', severity: 'low', aliases: ['card'] },
      { id: 'A.Long', title: '', severity: 'low', aliases: ['card_number'] },
      { id: 'A.First', title: '', severity: 'low', aliases: ['aa_bb'] },
      { id: 'A.Second', title: '', severity: 'low', aliases: ['bb_cc'] },
    ],
    [],
  );

  it.each([
    ['the longest wins', 'number of the card', 'A.Long'],
    ['the words count, not their order', 'cc bb aa', 'A.First'],
    ['of equally long ones the alphabetical first wins', 'x bb cc aa', 'A.First'],
    ['parts of words do not count', 'postcards', 'OTHER.Unknown'],
  ])('%s', (_what, label, category) => {
    expect(matchSignal({ detector: 'x', label }, labels).category).toBe(category);
  });
});

it('takes the lowest cap of spellings that fold alike, whatever their order', () => {
  const file = {
    detector: 'd',
    version: '1.0.0',
    vendor: 'v',
    kind: 'rules',
    taxonomy_version: '1.0.0',
  } as const;
  const spellings = [
    { label: 'CITY', category: 'A.B' },
    { label: 'City', category: 'A.B', confidence_cap: 0.3 },
  ];
  for (const labels of [spellings, spellings.toReversed()]) {
    const index = indexLabels([], [{ ...file, labels }]);
    expect(matchSignal({ detector: 'd', label: 'city' }, index).strength).toBe(0.3);
    expect(matchSignal({ detector: 'd', label: 'CITY' }, index).strength).toBe(0.8);
  }
});

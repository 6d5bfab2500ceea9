import { join } from 'node:path';
import { moderationCategoriesBy } from '../../../../src/api/facades/moderation-categories';
import { loadKnowledge } from '../../../../src/mapper/knowledge';

const { detectors } = loadKnowledge(join(__dirname, '../../../../taxonomy'));
const categories = moderationCategoriesBy(detectors, (name) =>
  name === 'declared' ? ['HARM.VIOLENCE.Sexual'] : [],
);

describe('Moderation categories', () => {
  it.each([
    ['HARM.SPEECH.Insult', 'harassment'],
    ['HARM.SPEECH.Threat', 'harassment/threatening'],
    ['HARM.SPEECH.Hate.Other', 'hate'],
    ['HARM.SPEECH.Hate.Race', 'hate'],
    ['HARM.SPEECH.Toxicity', 'harassment'],
    ['HARM.VIOLENCE.SelfHarm', 'self-harm'],
    ['HARM.VIOLENCE.Suicide', 'self-harm'],
    ['HARM.VIOLENCE.Physical', 'violence'],
    ['HARM.VIOLENCE.Other', 'violence'],
    ['HARM.VIOLENCE.ChildSexualAbuse', 'sexual/minors'],
    ['PII.Identifier.SSN', null],
    ['HARM.SPEECHLESS', null],
  ])('%s is %s', (category, expected) => {
    expect(categories.of(category)).toBe(expected);
  });

  it('says who looks for what, by label map and by declaration', () => {
    expect([...categories.lookedForBy(['pii', 'nobody'])]).toEqual([]);
    expect([...categories.lookedForBy(['toxicity'])].toSorted()).toEqual([
      'harassment',
      'harassment/threatening',
      'hate',
      'self-harm',
    ]);
    expect([...categories.lookedForBy(['declared'])]).toEqual(['sexual']);
  });
});

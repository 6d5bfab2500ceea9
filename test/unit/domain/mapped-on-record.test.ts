import { mappedOnRecord } from '../../../src/domain/mapped-on-record';

const response = { taxonomy: ['PII.Contact.Email'], scores: {}, confidence: 1 };

describe('What is on record of a mapping', () => {
  it('is categories and versions', () => {
    const versions = { taxonomy: '3.0.0', frameworks: '2.0.0-rc.1', model: 'none' };
    expect(mappedOnRecord({ ...response, notes: 'words', version_info: versions })).toEqual({
      categories: ['PII.Contact.Email'],
      data_versions: { taxonomy: '3.0.0', frameworks: '2.0.0-rc.1' },
    });
  });

  it('is nothing that a mapper says in words, nor without an end', () => {
    const many = Array.from({ length: 50 }, (_, n) => `PII.N${n}`);
    const taxonomy = [`PII.${'x'.repeat(100)}`, ...many];
    const version_info = { taxonomy: 'ann@example.com is here', frameworks: '9'.repeat(41), model: '' };
    expect(mappedOnRecord({ ...response, taxonomy, version_info })).toEqual({
      categories: many.slice(0, 20),
      data_versions: { taxonomy: null, frameworks: null },
    });
    expect(mappedOnRecord(response).data_versions).toEqual({ taxonomy: null, frameworks: null });
  });
});

import { imageBombs, officeBombs, pdfBombs, rtfBombs } from '../../support/bombs';
import { expectContractError } from '../../support/contract-error';
import { docx } from '../../support/documents';
import { System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';

const patienceMs = 120_000;
const refusals = /^(document_(damaged|too_complex|too_slow|without_text|unsupported)|image_too_large)$/;
let system: System;
beforeAll(async () => {
  system = await System.start({ detectors: [{ name: 'a' }], policies: { 'demo/default': { policy: {} } } });
});
afterAll(() => system?.stop());

describe('A bomb that is uploaded', () => {
  it.each([
    ...officeBombs,
    ...pdfBombs,
    ...rtfBombs,
    ...imageBombs.map(([format, file]) => [`an image, ${format}`, () => file] as const),
  ])(
    '%s: is answered in time, and what others ask is judged meanwhile',
    async (_what, file) => {
      const [bomb, other] = await Promise.all([
        uploadFile<{ detail?: string; not_extracted?: string[] }>(system, file()),
        system.orchestrate({ content: 'a text like any other' }),
      ]);
      expect(other.status).toBe(200);
      if (bomb.status === 201) expect(bomb.body.not_extracted).not.toEqual([]);
      else {
        expectContractError(bomb, bomb.status === 408 ? { code: 'REQUEST_TIMEOUT' } : {});
        expect(bomb.body.detail).toMatch(refusals);
      }
    },
    patienceMs,
  );

  it('leaves others of its kind to be read', async () => {
    expect(await uploadFile(system, docx(['a document like any other']))).toMatchObject({
      status: 201,
      body: { not_extracted: [] },
    });
  });
});

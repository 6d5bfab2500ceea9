import { documentIn } from '../../../src/content/content-form';
import { extract } from '../../../src/content/extraction/extract';
import { mayBeCalled, mediaTypeOf } from '../../../src/content/media-type';

const limits = { max_characters: 1000, max_pages: 10, max_inflated_bytes: 100_000, max_entries: 20 };
const rtf = (body: string) => Buffer.from(`{\\rtf1\\ansi\\ansicpg1252 ${body}}`, 'latin1');
const outcomeOf = (body: string) => extract(rtf(body), limits);
async function textOf(body: string): Promise<string> {
  const outcome = await outcomeOf(body);
  if (outcome.kind !== 'text') throw new Error(`refused: ${outcome.reason}`);
  return outcome.text;
}
const fonts = String.raw`{\fonttbl{\f0 Times;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 Mincho;}}`;

describe('the text of an RTF file [5.1]', () => {
  it.each<[string, string, string]>([
    ['lines and columns', String.raw`one\par two\tab three\cell`, 'one\ntwo\tthree'],
    ['letters by their code', String.raw`Jos\'e9`, 'José'],
    [
      'Unicode, without its fallback',
      String.raw`\u8364? 5 {\uc2\u20320 \'c4\'e3!}\uc0\u-3913x`,
      '€ 5 你!\uf0b7x',
    ],
    ['emoji in two halves', String.raw`\u-10179?\u-8704?`, '😀'],
    ['braces and strokes', String.raw`\{a\} \\`, '{a} \\'],
    ['the code page of a font', `${fonts}${String.raw`{\f1 \'cf\'f0\'e8}{\f2 \'93\'fa\'96\'7b}`}`, 'При日本'],
    ['what is hidden or was deleted', String.raw`{\v hidden}{\deleted gone}`, 'hiddengone'],
  ])('has %s', async (_what, body, text) => {
    expect(await textOf(body)).toBe(text);
  });

  it('is what stands beside the lines, too', async () => {
    const text = await textOf(
      String.raw`body{\header above}{\footnote below}{\*\annotation remark}{\*\shpinst{\sp{\sn n}{\sv v}}{\shptxt box}}{\field{\*\fldinst HYPERLINK "http://x.example"}{\fldrslt link}}`,
    );
    const words = ['body', 'above', 'below', 'remark', 'box', 'HYPERLINK', 'http://x.example', 'link'];
    expect(text.split(/[\s"]+/)).toEqual(words);
    expect(text).not.toMatch(/\b[nv]\b/);
  });

  it('is nothing that a reader does not see', async () => {
    const unseen = String.raw`{\colortbl;\red0;}{\stylesheet{\s0 Normal;}}{\info{\title Name}}{\*\generator Word}{\*\bkmkstart mark}`;
    expect(await outcomeOf(`${fonts}${unseen}seen`)).toMatchObject({ text: 'seen', gaps: [] });
  });

  it('lacks what only its writer understands, and says so', async () => {
    const outcome = await outcomeOf(String.raw`seen{\*\whatever something else}`);
    expect(outcome).toMatchObject({ text: 'seen', gaps: ['attachments'] });
  });

  it('lacks pictures and objects, and says so', async () => {
    const body = String.raw`a{\*\shppict{\pict\pngblip 8950}}{\object{\*\objdata 01}{\result shown}}`;
    expect(await outcomeOf(body)).toMatchObject({
      kind: 'text',
      media_type: 'application/rtf',
      text: expect.stringContaining('shown') as string,
      gaps: ['images', 'attachments'],
    });
    expect(await outcomeOf('x'.repeat(1001))).toMatchObject({ gaps: ['text'] });
  });

  it.each<[string, Buffer, string]>([
    ['a file that was cut off', rtf('words').subarray(0, -1), 'damaged'],
    ['a file with a brace too many', rtf('words}'), 'damaged'],
    ['a file with nothing to read', rtf(String.raw`{\pict 00}`), 'without_text'],
  ])('is not to be had of %s', async (_what, bytes, reason) => {
    expect(await extract(bytes, limits)).toEqual({ kind: 'refused', reason });
  });
});

describe('an RTF file', () => {
  it('is known by its first bytes, under any of its names', () => {
    expect(mediaTypeOf(rtf('a'))).toEqual({ contentType: 'document', mediaType: 'application/rtf' });
    expect(['application/rtf', 'text/rtf', ''].map((name) => mayBeCalled(name, 'application/rtf'))).toEqual([
      true,
      true,
      true,
    ]);
    expect(mayBeCalled('text/plain', 'application/rtf')).toBe(false);
  });

  it('is found in a content in base64, and is a text as it is: whoever gets that may read all of it', () => {
    const file = rtf('words');
    expect(documentIn(file.toString('base64'))).toEqual(file);
    expect(documentIn(file.toString('latin1'))).toBeNull();
  });
});

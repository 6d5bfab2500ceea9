import { linesOf } from '../../../src/api/ndjson';

async function* inPieces(...pieces: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function read(source: AsyncIterable<Buffer>, maxBytes = 20): Promise<[number, string][]> {
  const lines: [number, string][] = [];
  for await (const { line, bytes } of linesOf(source, maxBytes, () => undefined)) {
    lines.push([line, bytes.toString()]);
  }
  return lines;
}

describe('Lines of a stream', () => {
  it('are cut at newlines, wherever the stream was', async () => {
    expect(await read(inPieces('on', 'e\ntw', 'o\nthree\n', 'four'))).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
      [4, 'four'],
    ]);
  });

  it('are counted also where they are blank', async () => {
    expect(await read(inPieces('one\n\n \t\r\n', '\n', 'five\r\n\n'))).toEqual([
      [1, 'one'],
      [5, 'five\r'],
    ]);
  });

  it('keep characters that were cut in two', async () => {
    const bytes = Buffer.from('é\n😀');
    expect(await read(inPieces(...[...bytes].map((byte) => Buffer.from([byte]))))).toEqual([
      [1, 'é'],
      [2, '😀'],
    ]);
  });

  it('are none in an empty stream', async () => {
    expect(await read(inPieces())).toEqual([]);
    expect(await read(inPieces('', '\n'))).toEqual([]);
  });

  it('may be as long as allowed, and not a byte longer', async () => {
    expect(await read(inPieces('x'.repeat(20), '\n', 'y'))).toHaveLength(2);
    await expect(read(inPieces('one\n', 'x'.repeat(15), 'x'.repeat(6)))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      detail: 'line_too_long',
      fieldErrors: [{ path: '[2]', message: 'must be at most 20 bytes' }],
    });
  });

  it('show all their bytes to who wants to see them', async () => {
    const seen: string[] = [];
    const source = inPieces('a\n\n', 'b');
    for await (const line of linesOf(source, 20, (bytes) => void seen.push(bytes.toString()))) void line;
    expect(seen).toEqual(['a\n\n', 'b']);
  });
});

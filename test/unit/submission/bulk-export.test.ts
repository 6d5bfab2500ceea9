import type { ErrorResponse } from '../../../src/contract/answer';
import type { BulkChunks, BulkItemOutcome } from '../../../src/store/bulk-chunks';
import type { BulkJob } from '../../../src/store/bulk-jobs';
import type { Orchestrations } from '../../../src/store/orchestrations';
import { BulkExport, bulkItemStatus } from '../../../src/submission/bulk-export';
import { answerWith } from './support';

const running = { status: 'running', completedAt: null } as const;
const completed = { status: 'completed', completedAt: new Date() } as const;
const cancelled = { status: 'cancelled', completedAt: new Date() } as const;

describe('The status of an item', () => {
  const refusal = {} as ErrorResponse;
  it.each([
    ['completed', { status: 'completed', httpStatus: 200, refusal: null }, running],
    ['partial', { status: 'completed', httpStatus: 206, refusal: null }, running],
    ['failed', { status: 'failed', httpStatus: 502, refusal: null }, running],
    ['cancelled', { status: 'cancelled', httpStatus: 200, refusal: null }, cancelled],
    ['failed', { status: null, httpStatus: null, refusal }, cancelled],
    ['pending', { status: null, httpStatus: null, refusal: null }, running],
    [
      'pending',
      { status: null, httpStatus: null, refusal: null },
      { status: 'cancelled', completedAt: null },
    ],
    ['cancelled', { status: null, httpStatus: null, refusal: null }, cancelled],
    ['expired', { status: null, httpStatus: null, refusal: null }, completed],
  ] as const)('is %s for %j of %j', (expected, outcome, job) => {
    expect(bulkItemStatus(outcome, job)).toBe(expected);
  });
});

describe('An export', () => {
  const item = (index: number, overrides: Partial<BulkItemOutcome> = {}): BulkItemOutcome => ({
    index,
    line: index + 1,
    requestId: `r${index}`,
    refusal: null,
    status: 'completed',
    httpStatus: 200,
    ...overrides,
  });
  let asked: string[][];
  const exporter = (chunks: readonly BulkItemOutcome[][]) =>
    new BulkExport(
      {
        outcomes: async (_bulkId, _tenantId, chunk) => chunks[chunk] ?? null,
      } satisfies Partial<BulkChunks> as unknown as BulkChunks,
      {
        finalAnswers: async (ids) => {
          asked.push([...ids]);
          return new Map(ids.map((id) => [id, answerWith(id === 'r1' ? 502 : 200, { of: id })]));
        },
      } satisfies Partial<Orchestrations> as unknown as Orchestrations,
    );
  beforeEach(() => {
    asked = [];
  });

  async function read(lines: AsyncIterable<string>): Promise<Record<string, unknown>[]> {
    let text = '';
    for await (const part of lines) text += part;
    return text
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
  }

  const refusal = { error_code: 'INVALID_REQUEST', message: 'bad' } as ErrorResponse;
  const chunks = [
    [item(0), item(1, { status: 'failed', httpStatus: 502 })],
    [item(2, { refusal, status: null, httpStatus: null })],
    [item(3, { status: null, httpStatus: null })],
  ];

  it('shows each item with its answer or its error', async () => {
    expect(await read(exporter(chunks).lines(running as BulkJob, null))).toEqual([
      {
        index: 0,
        line: 1,
        request_id: 'r0',
        status: 'completed',
        http_status: 200,
        response: { of: 'r0' },
        error: null,
      },
      {
        index: 1,
        line: 2,
        request_id: 'r1',
        status: 'failed',
        http_status: 502,
        response: null,
        error: { of: 'r1' },
      },
      {
        index: 2,
        line: 3,
        request_id: 'r2',
        status: 'failed',
        http_status: 400,
        response: null,
        error: refusal,
      },
      {
        index: 3,
        line: 4,
        request_id: 'r3',
        status: 'pending',
        http_status: null,
        response: null,
        error: null,
      },
    ]);
  });

  it('reads the answers of those only that are asked for', async () => {
    const failed = await read(exporter(chunks).lines(running as BulkJob, 'failed'));
    expect(failed.map(({ index }) => index)).toEqual([1, 2]);
    expect(asked).toEqual([['r1']]);
  });
});

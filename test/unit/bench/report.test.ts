import { render } from '../../../bench/report';
import { summarize } from '../../../bench/statistics';

describe('render', () => {
  it('ends with one line of JSON in the shape that readers of the bench rely on', () => {
    const rows = [
      summarize('bare', 1, [
        { latenciesMs: { '200': [20, 21.5] }, network: 0, windowMs: 100, sent: 2, answered: { '200': 2 } },
      ]),
    ];
    const text = render({
      bench: 'latency',
      head: ['', 'p50'],
      cells: [['bare', 20]],
      remarks: ['a remark'],
      rows,
    });
    expect(text.split('\n').at(-1)).toBe(
      '{"bench":"latency","rows":[{"name":"bare","concurrency":1,"p50_ms":20,"p95_ms":21.5,"p99_ms":21.5,"rps":20,"errors":0}]}',
    );
  });
});

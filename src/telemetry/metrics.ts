import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The series of a process (docs/metrics.md). */
export class Metrics {
  /** What has happened in this process. */
  readonly counted = new Registry();
  /** What is so now: of all processes as this one sees it, or of the process itself. */
  readonly seen = new Registry();
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  constructor() {
    collectDefaultMetrics({ register: this.seen });
  }

  counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.counted] });
  }

  histogram<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: readonly number[],
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.counted] });
  }

  /** @param read the values as they are now; whatever is not among them is not so any more */
  gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: () => Iterable<readonly [Readonly<Record<L, string>>, number]>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.seen],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** A count that is kept elsewhere. @param read as for a gauge */
  total<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: () => Iterable<readonly [Readonly<Record<L, string>>, number]>,
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.seen],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  /** All of it, in the text format of Prometheus. */
  async page(): Promise<string> {
    return `${await this.counted.metrics()}\n${await this.seen.metrics()}`;
  }
}

/** Drops the series of what is gone, so that labels do not pile up. */
export async function forget<L extends string>(
  metric: Counter<L> | Gauge<L> | Histogram<L>,
  label: L,
  values: readonly string[],
): Promise<void> {
  const gone = new Set<unknown>(values);
  for (const { labels } of (await metric.get()).values) {
    const { le: _le, ...own } = labels as Partial<Record<L | 'le', string>>;
    if (gone.has((own as Partial<Record<L, string>>)[label])) metric.remove(own as Record<L, string>);
  }
}

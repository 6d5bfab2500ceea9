import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';

type Labels = Readonly<Record<string, string>>;

interface Latest {
  readonly labels: Labels;
  readonly value: number;
  /** Epoch ms. */
  readonly at: number;
}

/** What a process has counted, for the others. */
export interface Figures {
  readonly counted: readonly MetricObjectWithValues<MetricValue<string>>[];
  readonly latest: Readonly<Record<string, readonly Latest[]>>;
}

/** A gauge of something that ends now here, now in another process: the last one counts. */
export interface LatestGauge<L extends string> {
  set(labels: Readonly<Record<L, string>>, value: number): void;
}

type Reading<L extends string> = Iterable<readonly [Readonly<Record<L, string>>, number]>;

/** The series of a process, and with the figures of all others those of the installation (docs/metrics.md). */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  /** What is so now: of all processes as this one sees it, or of the process itself. */
  readonly seen = new Registry();
  /** What has happened in this process. */
  readonly #counted = new Registry();
  readonly #latest = new Map<string, Map<string, Latest>>();
  #others: readonly Figures[] = [];
  /** As of the last page. */
  #sums: Figures['counted'] = [];

  constructor() {
    collectDefaultMetrics({ register: this.seen });
  }

  counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#counted] });
  }

  histogram<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: readonly number[],
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.#counted] });
  }

  /** @param read the values as they are now; whatever is not among them is not so any more */
  gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: () => Reading<L> | Promise<Reading<L>>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.seen],
      async collect() {
        const values = await read();
        this.reset();
        // Without labels it is 0 after that, which nobody has said.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of values) this.set(labels, value);
      },
    });
  }

  /** A count that is kept elsewhere. @param read as for a gauge */
  total<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: () => Reading<L>,
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

  /** @param isStill whether there still is what labels name */
  latest<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    isStill: (labels: Readonly<Record<L, string>>) => boolean = () => true,
  ): LatestGauge<L> {
    const own = new Map<string, Latest>();
    this.#latest.set(name, own);
    this.gauge(name, help, labelNames, () => {
      const others = this.#others.flatMap(({ latest }) => latest[name] ?? []);
      return newestOf([...own.values(), ...others])
        .map(({ labels, value }) => [labels as Readonly<Record<L, string>>, value] as const)
        .filter(([labels]) => isStill(labels));
    });
    return {
      set: (labels, value) => void own.set(JSON.stringify(labels), { labels, value, at: Date.now() }),
    };
  }

  /** What follows from the sums of all processes. @param read as for a gauge, out of the sum of a counter's series */
  derived<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (sumOf: (counter: string, labels: Labels) => number) => Reading<L>,
  ): void {
    this.gauge(name, help, labelNames, () => read((counter, labels) => sumIn(this.#sums, counter, labels)));
  }

  /** What this process has counted. */
  async figures(): Promise<Figures> {
    return {
      counted: (await this.#counted.getMetricsAsJSON()) as unknown as Figures['counted'],
      latest: Object.fromEntries([...this.#latest].map(([name, values]) => [name, [...values.values()]])),
    };
  }

  /** Begins to count anew: what was counted so far has been added up elsewhere. */
  startAnew(): void {
    this.#counted.resetMetrics();
  }

  /**
   * All of it, in the text format of Prometheus.
   * @param others figures of the other processes
   */
  async page(others: readonly Figures[] = []): Promise<string> {
    this.#others = others;
    const sums = together([await this.figures(), ...others]);
    this.#sums = await sums.getMetricsAsJSON();
    return `${await sums.metrics()}\n${await this.seen.metrics()}`;
  }
}

/** The figures of several processes as those of one. */
export async function sumOf(figures: readonly Figures[]): Promise<Figures> {
  const names = new Set(figures.flatMap(({ latest }) => Object.keys(latest)));
  return {
    counted: (await together(figures).getMetricsAsJSON()) as unknown as Figures['counted'],
    latest: Object.fromEntries(
      [...names].map((name) => [name, newestOf(figures.flatMap(({ latest }) => latest[name] ?? []))]),
    ),
  };
}

function together(figures: readonly Figures[]): Registry {
  return AggregatorRegistry.aggregate(figures.map(({ counted }) => [...counted]));
}

function sumIn(figures: Figures['counted'], counter: string, labels: Labels): number {
  const wanted = Object.entries(labels);
  const values = figures.find(({ name }) => name === counter)?.values ?? [];
  return values
    .filter((one) => wanted.every(([label, value]) => one.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

function newestOf(values: readonly Latest[]): Latest[] {
  const newest = new Map<string, Latest>();
  for (const latest of values) {
    const key = JSON.stringify(latest.labels);
    if ((newest.get(key)?.at ?? -Infinity) < latest.at) newest.set(key, latest);
  }
  return [...newest.values()];
}

/** Drops the series of what is gone, so that labels do not pile up. */
export async function forget<L extends string>(
  metric: Counter<L> | Histogram<L>,
  label: L,
  values: readonly string[],
): Promise<void> {
  const gone = new Set<unknown>(values);
  for (const { labels } of (await metric.get()).values) {
    const { le: _le, ...own } = labels as Partial<Record<L | 'le', string>>;
    if (gone.has((own as Partial<Record<L, string>>)[label])) metric.remove(own as Record<L, string>);
  }
}

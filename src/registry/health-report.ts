import type { Upstream } from '../contract/upstream';
import { healthTrend, systemStatus } from '../domain/health-trend';
import { isVisibleId, type Sight } from '../domain/registry';
import type { UpstreamDirectory } from './directory';
import { type EndpointHealth, type HealthMonitor, isWatched } from './health-monitor';

interface Check {
  readonly at: Date;
  readonly ok: boolean;
  readonly response_ms: number | null;
  readonly error: string | null;
}

interface Figures {
  readonly endpoint_id: string;
  readonly availability: number;
  readonly average_ms: number | null;
}

/** What is kept of the checks. */
export interface HealthHistory {
  history(endpointId: string, limit: number): Promise<readonly Check[]>;
  figures(endpointId?: string): Promise<readonly Figures[]>;
  compliance(
    slas: readonly { readonly endpoint_id: string; readonly sla_ms: number }[],
  ): Promise<ReadonlyMap<string, number>>;
}

export interface EndpointReport extends EndpointHealth {
  readonly endpointId: string;
  readonly isUsable: boolean;
  readonly slaCompliance: number | null;
  readonly availability: number | null;
}

const trendOf = 20;

/** What there is to say about the health of upstreams. */
export class HealthReport {
  constructor(
    private readonly directory: UpstreamDirectory,
    private readonly monitor: HealthMonitor,
    private readonly history: HealthHistory,
  ) {}

  /** Those that are checked and somebody may know of, by id. */
  async all(sight: Sight): Promise<{ endpoints: EndpointReport[]; averageMs: number | null }> {
    return this.#report(
      this.directory.upstreams.filter(
        (upstream) => isWatched(upstream) && isVisibleId(upstream.endpoint_id, sight),
      ),
    );
  }

  /** @param id an endpoint id, or a name for its highest version @param limit of checks, newest first */
  async one(id: string, limit: number) {
    const upstream = this.directory.byId(id) ?? this.directory.resolve(id);
    if (!upstream) return null;
    const { endpoint_id } = upstream;
    const [{ endpoints }, history] = await Promise.all([
      this.#report([upstream], endpoint_id),
      this.history.history(endpoint_id, Math.max(limit, trendOf)),
    ]);
    return { endpoint: endpoints[0]!, history: history.slice(0, limit), trend: healthTrend(history) };
  }

  readonly systemStatus = systemStatus;

  async #report(upstreams: readonly Upstream[], endpointId?: string) {
    const slas = upstreams.flatMap(({ endpoint_id, config: { sla_ms } }) =>
      sla_ms === null ? [] : [{ endpoint_id, sla_ms }],
    );
    const [figures, compliance] = await Promise.all([
      this.history.figures(endpointId),
      this.history.compliance(slas),
    ]);
    const known = new Map(figures.map((figure) => [figure.endpoint_id, figure]));
    const averages = upstreams.flatMap(({ endpoint_id }) => known.get(endpoint_id)?.average_ms ?? []);
    return {
      endpoints: upstreams.map(({ endpoint_id }): EndpointReport => ({
        ...this.monitor.healthOf(endpoint_id),
        endpointId: endpoint_id,
        isUsable: this.monitor.isHealthy(endpoint_id),
        slaCompliance: compliance.get(endpoint_id) ?? null,
        availability: known.get(endpoint_id)?.availability ?? null,
      })),
      averageMs: averages.length === 0 ? null : averages.reduce((sum, ms) => sum + ms, 0) / averages.length,
    };
  }
}

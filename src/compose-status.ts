import type { StatusRouterDependencies } from './api/status-router';
import type { HealthRouterDependencies } from './api/health-router';
import { isReady } from './api/readiness';
import type { Counting } from './compose-metrics';
import type { Breakers } from './registry/breakers';
import type { ConfigSource } from './registry/config-source';
import type { LiveRegistry } from './registry/live-registry';
import { StatusReport } from './registry/status-report';
import type { HealthMonitor } from './registry/health-monitor';
import type { Orchestrations } from './store/orchestrations';

/** The part of the composition root that says how everything is. */
export function composeStatus(parts: {
  /** What it has in common with the probes. */
  readonly probes: HealthRouterDependencies;
  readonly registry: LiveRegistry;
  readonly config: ConfigSource;
  readonly health: HealthMonitor;
  readonly showService: Counting['showService'];
  readonly breakers: Breakers;
  readonly uses: Counting['uses'];
  readonly orchestrations: Orchestrations;
  readonly policies: {
    readonly active: () => readonly {
      readonly tenantId: string;
      readonly name: string;
      readonly version: string;
    }[];
  };
}): StatusRouterDependencies {
  const { probes, orchestrations, policies } = parts;
  const jobs = async () => {
    const [open, waiting] = await Promise.all([orchestrations.openJobs(), orchestrations.waitingJobs()]);
    return { open, waiting: [...waiting.values()].reduce((sum, jobs) => sum + jobs, 0) };
  };
  parts.showService({ ready: () => isReady(probes), dependencies: probes.dependencies, jobs });
  return {
    ...probes,
    report: new StatusReport({ ...parts, directory: parts.registry }),
    bundles: () => policies.active(),
    jobs,
  };
}

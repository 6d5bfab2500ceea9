import type { DetectorRegistration } from '../contract/registration';
import type { HealthStatus } from '../contract/enums';
import { detectorEndpointId } from '../contract/endpoint-id';
import {
  type Health,
  healthAt,
  type HealthSettings,
  initialHealth,
  isUsable,
  nextProbeAt,
  recordProbe,
} from '../domain/health';
import type { Breakers } from './breakers';
import type { Detectors } from './registry';

/** Whether a detector's health path answers 2xx within its time. */
export type Probe = (registration: DetectorRegistration) => Promise<boolean>;

export interface DetectorHealth {
  readonly status: HealthStatus;
  readonly lastCheck: Date | null;
  readonly responseTimeMs: number | null;
  readonly consecutiveFailures: number;
}

const tickMs = 250;

/** Probes every detector by the rules of spec/orchestration.md 4.5, beside all requests. */
export class HealthMonitor {
  readonly #health = new Map<string, Health>();
  readonly #responseMs = new Map<string, number>();
  readonly #probing = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly registry: Detectors,
    private readonly breakers: Breakers,
    private readonly probe: Probe,
    private readonly settings: HealthSettings,
    private readonly now: () => number = Date.now,
  ) {}

  /** Probes all once before it returns, then goes on by itself. */
  async start(): Promise<void> {
    await this.#probeDue();
    this.#timer = setInterval(() => void this.#probeDue(), tickMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Whether an active detector may be called now (spec/orchestration.md 4.5). */
  isAvailable(detector: DetectorRegistration): boolean {
    return this.isHealthy(detector.name) && this.breakers.wouldAdmit(detectorEndpointId(detector));
  }

  isHealthy(detector: string): boolean {
    return isUsable(healthAt(this.#of(detector), this.now(), this.settings));
  }

  healthOf(detector: string): DetectorHealth {
    const health = this.#of(detector);
    return {
      status: healthAt(health, this.now(), this.settings),
      lastCheck: health.last_probe_at === null ? null : new Date(health.last_probe_at),
      responseTimeMs: this.#responseMs.get(detector) ?? null,
      consecutiveFailures: health.consecutive_failures,
    };
  }

  get healthyCount(): number {
    return this.registry.registrations.filter(({ name }) => this.isHealthy(name)).length;
  }

  #of(detector: string): Health {
    return this.#health.get(detector) ?? initialHealth;
  }

  async #probeDue(): Promise<void> {
    const due = this.registry.registrations.filter(
      ({ name }) => !this.#probing.has(name) && nextProbeAt(this.#of(name), this.settings) <= this.now(),
    );
    await Promise.all(due.map((registration) => this.#probeOne(registration)));
  }

  async #probeOne(registration: DetectorRegistration): Promise<void> {
    const { name } = registration;
    this.#probing.add(name);
    const startedAt = this.now();
    const ok = await this.probe(registration).catch(() => false);
    this.#probing.delete(name);
    if (ok) this.#responseMs.set(name, this.now() - startedAt);
    this.#health.set(name, recordProbe(this.#of(name), ok, this.now(), this.settings));
  }
}

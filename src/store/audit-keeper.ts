import type { AuditCheckpoints } from './audit-checkpoints';
import type { AuditSealer } from './audit-sealer';

const sealMs = 500;

export interface AuditKeeperDependencies {
  readonly sealer: Pick<AuditSealer, 'seal'>;
  readonly checkpoints: Pick<AuditCheckpoints, 'write'>;
  /** Removes what is past its retention, after a checkpoint. */
  readonly removeExpired: () => Promise<void>;
  readonly checkpointMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

/** Sees to it that the audit log is sealed within a second, and signed from time to time. */
export class AuditKeeper {
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;
  #signedAt = -Infinity;

  constructor(private readonly deps: AuditKeeperDependencies) {}

  start(): void {
    this.#timer = setTimeout(() => {
      this.#working = this.tend()
        .catch((error: unknown) =>
          this.deps.log.warn({ error }, 'the audit log could not be sealed; it is tried again'),
        )
        .then(() => {
          if (!this.#stopped) this.start();
        });
    }, sealMs).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#working;
  }

  async tend(): Promise<void> {
    while (!this.#stopped && (await this.deps.sealer.seal()));
    if (performance.now() - this.#signedAt < this.deps.checkpointMs) return;
    await this.deps.checkpoints.write();
    await this.deps.removeExpired();
    this.#signedAt = performance.now();
  }
}

import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Stop = () => Promise<void>;

/** Everything a bench has set up: processes, servers, files. Struck once, last come first gone, whatever happened. */
export class Stage {
  /** For data and logs of what is started; removed when the stage is struck. */
  readonly directory = mkdtempSync(join(tmpdir(), 'conclave-bench-'));
  private readonly stops: Stop[] = [];
  private struck: Promise<void> | undefined;

  constructor() {
    // The embedded PostgreSQL, which refuses to run as root, may be another user and has to reach its files.
    chmodSync(this.directory, 0o711);
  }

  /** Register before waiting for readiness, so that an interrupted start is stopped too. */
  onStrike(stop: Stop): void {
    this.stops.push(stop);
  }

  strike(): Promise<void> {
    this.struck ??= this.stopAll();
    return this.struck;
  }

  private async stopAll(): Promise<void> {
    for (const stop of this.stops.reverse()) {
      await stop().catch((error: unknown) => console.error(`while stopping: ${String(error)}`));
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

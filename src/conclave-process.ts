import type { Settings } from './contract/config';
import type { Logger } from './telemetry/logger';

/** Where the servers are that the settings may leave to `npm start`. */
export interface Servers {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly builtinUrl: string;
  readonly mapperUrl: string;
  /** Origins of Temporal Web that may ask for decoding. */
  readonly temporalWebOrigins: readonly string[];
}

export interface Conclave {
  /** Where the facade listens; null for a worker. */
  readonly address: string | null;
  /** Rejects when a part breaks down by itself. */
  readonly broken: Promise<never>;
  /** Not ready, drain, stop (design.md 5). */
  stop(): Promise<void>;
}

export interface ConclaveOptions {
  readonly settings: Settings;
  readonly servers: Servers;
  readonly version: string;
  readonly log: Logger;
  readonly opaPath: () => Promise<string>;
  /** Parts of this process: every facade hosts a fast-lane worker too (design.md 8). */
  readonly parts: { readonly facade: boolean; readonly maintenance: boolean; readonly pools: boolean };
  /** Token for Temporal Web's decoding; null: off. */
  readonly codecToken: string | null;
}

const refusals: ReadonlySet<number> = new Set([401, 403, 407]);

/**
 * What servers of detectors last said of our credentials, to probes and calls alike: one that refuses them is no outage,
 * even if it looks unhealthy for it.
 */
export class CredentialVerdicts {
  readonly #refused = new Set<string>();

  note(url: string, status: number): void {
    const { origin } = new URL(url);
    if (refusals.has(status)) this.#refused.add(origin);
    else this.#refused.delete(origin);
  }

  areRefusedAt(endpoint: string): boolean {
    return URL.canParse(endpoint) && this.#refused.has(new URL(endpoint).origin);
  }
}

import type { JudgedRecord } from '../contract/evidence';

interface Use {
  verdicts: number;
  readonly first_at: string;
  last_at: string;
}

/** What verdicts were made by: which versions of policies, detectors and data, from when to when. */
export class VersionsInUse {
  readonly #policies = new Map<string, { readonly policy: NonNullable<JudgedRecord['policy']>; use: Use }>();
  readonly #detectors = new Map<string, Use>();
  readonly #taxonomies = new Map<string, Use>();
  readonly #frameworks = new Map<string, Use>();

  add(at: string, { policy, planned, data_versions: data }: JudgedRecord): void {
    if (policy) {
      const key = JSON.stringify([policy.bundle, policy.version, policy.digest]);
      const known = this.#policies.get(key);
      this.#policies.set(key, { policy, use: oneMore(known?.use, at) });
    }
    for (const detector of planned ?? []) count(this.#detectors, detector, at);
    if (data?.taxonomy) count(this.#taxonomies, data.taxonomy, at);
    if (data?.frameworks) count(this.#frameworks, data.frameworks, at);
  }

  get figures() {
    return {
      policies: [...this.#policies.values()].map(({ policy, use }) => ({ ...policy, ...use })),
      detectors: named('detector', this.#detectors),
      /** That the mapper had when it mapped. */
      taxonomies: named('version', this.#taxonomies),
      frameworks: named('version', this.#frameworks),
    };
  }
}

function count(uses: Map<string, Use>, name: string, at: string): void {
  uses.set(name, oneMore(uses.get(name), at));
}

function oneMore(use: Use | undefined, at: string): Use {
  return { verdicts: (use?.verdicts ?? 0) + 1, first_at: use?.first_at ?? at, last_at: at };
}

function named<N extends string>(name: N, uses: ReadonlyMap<string, Use>) {
  return [...uses].map(([value, use]) => ({ [name]: value, ...use }) as Record<N, string> & Use);
}

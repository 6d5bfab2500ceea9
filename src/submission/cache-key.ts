import { createHmac, hash, hkdfSync } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Plan } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { canonicalJson } from '../domain/canonical-json';
import type { Planned } from '../planning/planner';
import type { CacheGenerations } from '../store/cache-generations';
import type { KeyRing } from '../store/key-ring';

/** What the plan adds to a key. */
interface PlanPart {
  readonly text: string;
  /** All that have a part in the answer, skipped ones too. */
  readonly detectors: readonly string[];
}

/**
 * Names under which answers are kept (spec/orchestration.md 6): a digest of the locked parts (content hash, detector set,
 * bundle version), of the whole plan but its priority, and of the generations, under a key of the tenant's own, so that
 * who sees a name cannot try contents on it; in the namespace of tenant and environment.
 */
export class CacheKeys {
  readonly #plans = new LRUCache<string, PlanPart>({ max: 1000 });
  readonly #secrets = new WeakMap<Buffer, Buffer>();

  constructor(
    private readonly keys: Pick<KeyRing, 'digestKey'>,
    private readonly generations: Pick<CacheGenerations, 'stamp'>,
  ) {}

  /** @returns null for what neither reads nor writes the cache: critical requests, and all while invalidations may be missed */
  async keyFor(request: OrchestrationRequest, planned: Planned): Promise<string | null> {
    if (request.priority === 'critical') return null;
    const { tenant_id: tenantId, policy_bundle: bundle, environment } = planned.plan;
    const part = this.#planPart(planned);
    const stamp = this.generations.stamp(tenantId, bundle, part.detectors);
    if (stamp === null) return null;
    const digest = createHmac('sha256', this.#secretOf(await this.keys.digestKey(tenantId)))
      .update(contentHash(request))
      .update(part.text)
      .update(stamp)
      .digest('base64url');
    return `${tenantId}/${environment}/${digest}`;
  }

  #planPart({ plan, digest }: Planned): PlanPart {
    const known = this.#plans.get(digest);
    if (known) return known;
    const part = planPart(plan);
    this.#plans.set(digest, part);
    return part;
  }

  #secretOf(tenantKey: Buffer): Buffer {
    const known = this.#secrets.get(tenantKey);
    if (known) return known;
    const secret = Buffer.from(hkdfSync('sha256', tenantKey, '', 'conclave/cache-keys', 32));
    this.#secrets.set(tenantKey, secret);
    return secret;
  }
}

function contentHash({ content_type: type, content, source, metadata }: OrchestrationRequest): string {
  // A file is known by its own digest, which says more than what was taken out of it. Contents hold no NUL.
  const what = source ? `\0sha256:${source.digest}` : content;
  return hash('sha256', `${type}\0${what}\0${canonicalJson(metadata ?? null)}`);
}

function planPart(plan: Plan): PlanPart {
  const { priority: _deadlines, ...judging } = plan;
  const detectorSet = plan.detectors
    .filter(({ role }) => role === 'primary')
    .map(({ name, version }) => `${name}@${version}`)
    .sort();
  const digest = hash('sha256', JSON.stringify(judging));
  return {
    text: JSON.stringify([detectorSet, `${plan.policy_bundle}@${plan.policy_version}`, digest]),
    detectors: [...plan.detectors.map(({ name }) => name), ...plan.skipped.map(({ detector }) => detector)],
  };
}

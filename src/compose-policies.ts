import path from 'node:path';
import type { Settings } from './contract/config';
import { type Bundle, deserializeBundle, serializeBundle } from './policy/bundle';
import { loadPolicies } from './policy/load';
import type { Db } from './store/database';
import { PolicyBundles } from './store/policy-bundles';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that loads policies, says which are refused, and keeps the others by digest. */
export async function composePolicies(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly opaPath: () => Promise<string>;
  readonly log: Logger;
}) {
  const catalog = await loadPolicies({
    dir: parts.settings.policy.store_path,
    cacheDir: path.join(__dirname, 'policy-cache'),
    opaPath: parts.opaPath,
  });
  for (const refused of catalog.refused) {
    parts.log.error(
      { tenant_id: refused.tenant, bundle: refused.bundle, problems: refused.problems },
      'a policy bundle is invalid and stays out',
    );
  }
  const bundles = new PolicyBundles(parts.db);
  await bundles.save(
    catalog.bundles.map((bundle) => ({
      digest: bundle.digest,
      tenantId: bundle.policy.tenant_id,
      bundle: bundle.policy.policy_bundle,
      version: bundle.policy.version,
      document: serializeBundle(bundle),
    })),
  );
  return {
    catalog,
    rateLimitOf: (tenantId: string, bundle: string): number =>
      catalog.get(tenantId, bundle)?.policy.rate_limit_per_minute ??
      parts.settings.orchestration.default_rate_limit_per_minute,
    /** From the store when this process has not loaded it. */
    bundleByDigest: async (digest: string): Promise<Bundle | null> => {
      const own = catalog.byDigest(digest);
      if (own) return own;
      const stored = await bundles.document(digest);
      return stored ? deserializeBundle(stored) : null;
    },
  };
}

import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import type {
  PolicyDiff,
  PolicyDocument,
  PolicyVersion,
  PutPolicy,
  ReviewDecision,
} from '../contract/policy-store';
import {
  activated,
  activeIn,
  assertNewVersion,
  nextVersion,
  removed,
  reviewed,
  rollbackSource,
  rolledBack,
  submitted,
  versionNamed,
} from '../domain/policy-lifecycle';
import type { Bundle, BundleName } from './bundle';
import type { BundleDocument, RegoTexts } from './bundle-document';
import type { Candidate } from './candidate';
import { type Judged, unreadable } from './judge';
import { existing, type Made, type PolicyChanges } from './policy-changes';
import { differences } from './policy-diff';
import { formatProblem, PolicyCompileError } from './problem';
import { proposalOf } from './proposal';
import { refusalOf } from './refusal';
import { copyOf, renumbered, shown, withBundle } from './version-records';

export interface PolicyStoreDependencies {
  readonly changes: PolicyChanges;
  /** As `POST /policies/validate` does. */
  readonly judge: (candidate: Candidate, tenantId: string) => Promise<Judged>;
  /** Whether nothing decides that nobody else has approved. */
  readonly requireApproval: boolean;
  readonly now: () => Date;
}

/** Where a change is to happen, and on which state of it at most. */
export interface Target extends BundleName {
  readonly revision?: string | undefined;
}

/**
 * Versions of policies: put, reviewed, activated, rolled back (spec/orchestration.md 9.2). What is allowed is decided in
 * domain/policy-lifecycle.ts, so that every backend behaves alike. When a change returns it is in the store and effective
 * in this process.
 */
export class PolicyStore {
  constructor(private readonly deps: PolicyStoreDependencies) {}

  /** @throws ConclaveError 404 `policy_not_found`, `version_not_found` */
  async get(name: BundleName, version?: string): Promise<PolicyDocument> {
    const { state, revision } = await this.deps.changes.existing(name);
    const record = versionNamed(state, version ?? activeIn(state));
    const { bundle, sources, tests, fixtures } = await this.deps.changes.document(record);
    return {
      ...shown(state, record),
      policy: bundle.policy,
      rego: textsOf(sources),
      rego_tests: textsOf(tests),
      fixtures: [...fixtures],
      revision,
    };
  }

  /** The latest first. @throws ConclaveError 404 `policy_not_found` */
  async versions(name: BundleName): Promise<PolicyVersion[]> {
    const { state } = await this.deps.changes.existing(name);
    return state.versions.map((record) => shown(state, record)).toReversed();
  }

  /** @throws ConclaveError 400 `policy_invalid` with the report, 403 `approval_required`, 409; OpaUnavailable */
  async put(target: Target, put: PutPolicy, by: ChangedBy): Promise<PolicyVersion> {
    if (this.deps.requireApproval && !put.requires_approval && !put.draft) throw approvalRequired();
    const expected = { revision: target.revision, activeVersion: put.expected_version };
    let judging: Promise<Sound> | undefined;
    return this.#change(target, by, 'put', expected, async (state) => {
      const candidate = proposed(put, nameOf(target), state);
      const { version } = candidate.policy;
      assertNewVersion(state, version);
      // When others were faster only the number is another.
      const sound = await (judging ??= this.#judged(candidate));
      const bundle = renumbered(sound.bundle, candidate, version);
      const status = put.draft ? 'draft' : put.requires_approval ? 'pending_approval' : 'approved';
      const about = {
        status,
        created_by: by.principal,
        description: put.description,
        origin: 'api',
        conflict_warnings: sound.warnings,
      } as const;
      return withBundle(state, nameOf(target), { bundle, texts: candidate }, about, this.#now());
    });
  }

  /** Shows a draft to reviewers. @throws ConclaveError 404, 409 `version_not_submittable` */
  async submit(target: Target, version: string, by: ChangedBy): Promise<PolicyVersion> {
    return this.#change(target, by, 'submit', target, (state) => ({
      state: submitted(existing(state), version, by.principal),
      version,
    }));
  }

  /** @throws ConclaveError 403 `approver_is_submitter`, 404, 409 `version_not_reviewable` */
  async review(
    target: Target,
    version: string,
    review: { readonly decision: ReviewDecision; readonly note: string; readonly activate: boolean },
    by: ChangedBy,
  ): Promise<PolicyVersion> {
    const { decision, note } = review;
    return this.#change(target, by, decision, target, (state) => {
      const timestamp = this.#now();
      const after = reviewed(existing(state), version, { reviewer: by.principal, decision, note, timestamp });
      const activates = decision === 'approve' && review.activate;
      return { state: activates ? activated(after, version, timestamp) : after, version };
    });
  }

  /** @throws ConclaveError 404, 409 `version_not_activatable` */
  async activate(target: Target, version: string, by: ChangedBy): Promise<PolicyVersion> {
    return this.#change(target, by, 'activate', target, (state) => ({
      state: activated(existing(state), version, this.#now()),
      version,
    }));
  }

  /** Has a copy of an approved version decide again. @throws ConclaveError 404, 409 `version_not_rollbackable` */
  async rollBack(target: Target, version: string, reason: string, by: ChangedBy): Promise<PolicyVersion> {
    return this.#change(target, by, 'rollback', target, async (state) => {
      const before = existing(state);
      const source = rollbackSource(before, version);
      const document = await this.deps.changes.document(source);
      const about = {
        created_by: by.principal,
        description: reason,
        origin: 'rollback',
        rolled_back_from: version,
      } as const;
      const { record, documents } = copyOf(source, document, nextVersion(before), about, this.#now());
      return { state: rolledBack(before, record), version: record.version, documents };
    });
  }

  /** Nothing decides any more under this name; versions stay on record. @throws ConclaveError 404 */
  async remove(target: Target, by: ChangedBy): Promise<void> {
    await this.#change(target, by, 'delete', target, (state) => {
      const before = existing(state);
      return { state: removed(before, this.#now()), version: before.versions.at(-1)!.version };
    });
  }

  /** @throws ConclaveError 404 */
  async diff(name: BundleName, from: string, to: string): Promise<PolicyDiff> {
    const { state } = await this.deps.changes.existing(name);
    const before = await this.deps.changes.document(versionNamed(state, from));
    const after = await this.deps.changes.document(versionNamed(state, to));
    return { from, to, ...differences(unnumbered(before), unnumbered(after)) };
  }

  async #judged(candidate: Candidate): Promise<Sound> {
    const { tenant_id: tenantId, policy_bundle: name } = candidate.policy;
    const { judgement, bundle } = await this.deps.judge(candidate, tenantId);
    if (judgement.errors.length > 0 || bundle === null) throw refusalOf(name, judgement);
    const missing = judgement.missing_detectors.map((detector) => `${detector} is not a registered detector`);
    return { bundle, warnings: [...missing, ...judgement.warnings.map(formatProblem)] };
  }

  async #change(
    target: Target,
    by: ChangedBy,
    what: string,
    expected: Parameters<PolicyChanges['change']>[3],
    make: (state: Parameters<Parameters<PolicyChanges['change']>[4]>[0]) => Promise<Made> | Made,
  ): Promise<PolicyVersion> {
    return (await this.deps.changes.change(nameOf(target), by, what, expected, make))!;
  }

  #now(): string {
    return this.deps.now().toISOString();
  }
}

function nameOf({ tenant_id, policy_bundle }: Target): BundleName {
  return { tenant_id, policy_bundle };
}

/** What may become a version, and what its readers should know. */
interface Sound {
  readonly bundle: Bundle;
  readonly warnings: readonly string[];
}

/** @throws ConclaveError 400 `policy_invalid` with the report */
export function proposed(...args: Parameters<typeof proposalOf>): Candidate {
  try {
    return proposalOf(...args);
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    throw refusalOf(args[1].policy_bundle, unreadable(error.problems));
  }
}

/** The number is what the two are asked for by. */
function unnumbered({ bundle, sources, tests }: BundleDocument) {
  const { version: _version, ...policy } = bundle.policy;
  return { policy, sources, tests };
}

function textsOf(sources: RegoTexts['sources']): Record<string, string> {
  return Object.fromEntries(sources.map(({ path, text }) => [path, text]));
}

function approvalRequired(): ConclaveError {
  const message = 'every version must be approved by somebody else here; send requires_approval: true';
  return new ConclaveError('INSUFFICIENT_RBAC', message, {
    detail: 'approval_required',
    fieldErrors: [{ path: 'requires_approval', message: 'must be true' }],
  });
}

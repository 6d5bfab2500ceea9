import type { EvidenceApproval, EvidenceEvent } from '../contract/evidence';

type Recorded = Pick<EvidenceEvent, 'sequence' | 'request_id' | 'at' | 'kind' | 'record'>;

/** The decision that a record of the audit log is about, if any: on a version of a policy, or an entry of the allow-list. */
export function approvalIn({ kind, record, sequence, request_id, at }: Recorded): EvidenceApproval | null {
  const about = { sequence, request_id, at };
  if (kind === 'policy_change')
    return {
      ...about,
      resource: textIn(record, 'resource') ?? 'policy',
      decision: textIn(record, 'what') ?? 'changed',
      by: textIn(record, 'principal'),
      version: textIn(record, 'version'),
      digest: textIn(record, 'policy_digest'),
    };
  if (kind === 'allow_list_change')
    return {
      ...about,
      resource: `allow-list/${textIn(record, 'entry_id')}`,
      decision: textIn(record, 'action') ?? 'changed',
      by: textIn(record, 'by'),
      version: null,
      digest: null,
    };
  return null;
}

function textIn(record: Recorded['record'], name: string): string | null {
  const value = Object.hasOwn(record, name) ? record[name] : null;
  return typeof value === 'string' ? value : null;
}

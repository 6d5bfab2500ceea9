import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** What operators find runs by (design.md 5): identifiers and closed words, no content, no caller's text. */
export const searchAttributes = {
  kind: defineSearchAttributeKey('Kind', SearchAttributeType.KEYWORD),
  tenant: defineSearchAttributeKey('Tenant', SearchAttributeType.KEYWORD),
  pool: defineSearchAttributeKey('Pool', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('State', SearchAttributeType.KEYWORD),
  policyBundle: defineSearchAttributeKey('PolicyBundle', SearchAttributeType.KEYWORD),
  policyDigest: defineSearchAttributeKey('PolicyDigest', SearchAttributeType.KEYWORD),
  priorityClass: defineSearchAttributeKey('PriorityClass', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('Outcome', SearchAttributeType.KEYWORD),
  parentJob: defineSearchAttributeKey('ParentJob', SearchAttributeType.KEYWORD),
  errorCode: defineSearchAttributeKey('ErrorCode', SearchAttributeType.KEYWORD),
  jobId: defineSearchAttributeKey('JobId', SearchAttributeType.KEYWORD_LIST),
  failedDetectors: defineSearchAttributeKey('FailedDetectors', SearchAttributeType.KEYWORD_LIST),
  plannedDetectors: defineSearchAttributeKey('PlannedDetectors', SearchAttributeType.KEYWORD_LIST),
} as const;

import { DefaultFailureConverter } from '@temporalio/common';

/** Messages and stacks of failures are encrypted like any payload; only the failure's type stays readable. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });

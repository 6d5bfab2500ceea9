import type { IncomingHttpHeaders } from 'node:http';
import { Webhook } from 'standardwebhooks';
import type { CallbackState } from '../../../src/contract/callback-state';
import {
  type BulkJobCallback,
  bulkJobCallbackSchema,
  type JobCallback,
  jobCallbackSchema,
} from '../../../src/contract/callback';
import { eventually } from '../../support/eventually';
import { MockUpstream } from '../../support/mock-upstream';
import { type System, type SystemOptions } from '../../support/system';
import { jobOf } from '../core/job-support';

export const secret = `whsec_${Buffer.from('a secret of the test, 32 bytes..').toString('base64')}`;
export const oldSecret = `whsec_${Buffer.from('the one before, also 32 bytes...').toString('base64')}`;

/** The tenant `demo` may be called back on this machine, `acme` elsewhere. */
export const calling = {
  ORCHESTRATION_CALLBACKS__TENANTS: JSON.stringify([
    {
      tenant_id: 'demo',
      hosts: ['127.0.0.1'],
      secret_refs: ['env:TEST_CALLBACK_SECRET', 'env:TEST_CALLBACK_SECRET_BEFORE'],
    },
    { tenant_id: 'acme', hosts: ['hooks.acme.example'], secret_refs: ['env:TEST_CALLBACK_SECRET'] },
  ]),
  ORCHESTRATION_CALLBACKS__RETRY_SECONDS: JSON.stringify([0.1, 0.1, 0.1]),
  TEST_CALLBACK_SECRET: secret,
  TEST_CALLBACK_SECRET_BEFORE: oldSecret,
};

export const options: SystemOptions = { detectors: ['a'], env: calling };

interface Posted<Body> {
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

/** A receiver of callbacks, which finds out by the library of the standard whether they are genuine. */
export class Receiver extends MockUpstream {
  /** The callbacks of one job, in the order they came. */
  about(jobId: string): Posted<JobCallback>[] {
    return this.#posted(jobId).map(({ headers, body }) => ({ headers, body: jobCallbackSchema.parse(body) }));
  }

  aboutBulk(bulkId: string): Posted<BulkJobCallback>[] {
    return this.#posted(bulkId).map(({ headers, body }) => ({
      headers,
      body: bulkJobCallbackSchema.parse(body),
    }));
  }

  #posted(id: string): Posted<unknown>[] {
    return this.seen.flatMap(({ headers, body }) =>
      headers['webhook-id'] === id ? { headers, body: genuine(body, headers) } : [],
    );
  }
}

/** @throws when it was not signed by us */
function genuine(body: string, headers: IncomingHttpHeaders): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}

/** Follows a job's callback to this state. */
export async function calledBack(
  system: System,
  jobId: string,
  status: CallbackState['status'],
  withinMs = 40_000,
): Promise<CallbackState> {
  const job = await eventually(
    () => jobOf(system, jobId),
    ({ callback }) => callback?.status === status,
    { withinMs },
  );
  return job.callback!;
}

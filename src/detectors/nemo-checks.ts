import { z } from 'zod';
import type { DetectorAdapter, ItemAnswer } from './adapter';
import { conversationOf } from './conversation';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const checkSchema = z.object({
  status: z.enum(['passed', 'modified', 'blocked']),
  rail: labelSchema.nullish(),
});
const microserviceSchema = z.object({
  status: z.enum(['success', 'blocked']),
  rails_status: z.record(labelSchema, z.object({ status: z.enum(['success', 'blocked']) })),
});

/** NeMo Guardrails: `/v1/checks` of the open-source server, `/v1/guardrail/checks` of the microservice. */
export function nemoChecks(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { api, model, role, config_id, config_ids, rail_types } = paramsFor('nemo-checks', request);
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, api === 'checks' ? '/v1/checks' : '/v1/guardrail/checks'),
        headers: await requestHeaders(request, item),
        body: {
          model,
          messages: conversationOf(item, role),
          guardrails: {
            ...(config_id && { config_id }),
            ...(config_ids && { config_ids }),
            ...(rail_types && { rail_types }),
          },
        },
        signal,
      });
      return api === 'checks' ? readCheck(body) : readRails(body);
    });
}

/** Content that a rail had to modify is content in which it found something. */
function readCheck(body: unknown): ItemAnswer {
  const parsed = checkSchema.safeParse(body);
  if (!parsed.success) throw invalid('the answer is neither passed, modified nor blocked');
  const { status, rail } = parsed.data;
  return found(status === 'passed' ? [] : [certain(rail ?? status)]);
}

function readRails(body: unknown): ItemAnswer {
  const parsed = microserviceSchema.safeParse(body);
  if (!parsed.success)
    throw invalid('the answer is neither success nor blocked, with a status for each rail');
  const { status, rails_status: rails } = parsed.data;
  const blocking = Object.entries(rails).filter(([, rail]) => rail.status === 'blocked');
  if (status === 'blocked' && blocking.length === 0) return found([certain('blocked')]);
  return found(blocking.map(([name]) => certain(name)));
}

import { z } from 'zod';
import type { DetectorAdapter, DetectorItem, ItemAnswer, RawFinding } from './adapter';
import { conversationOf } from './conversation';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, gap } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const matchSchema = z.object({
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  text: z.string().nullish(),
  detector_type: labelSchema,
  message_id: z.int().nullish(),
});
type Match = z.output<typeof matchSchema>;
const answerSchema = z.object({
  flagged: z.boolean(),
  payload: z.array(matchSchema).nullish(),
  breakdown: z.array(z.object({ detector_type: labelSchema, detected: z.boolean() })).nullish(),
});

/** Lakera Guard, `/v2/guard` (spec/detector-protocols.md). It screens the last turn of a conversation only. */
export function lakeraGuard(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { project_id, role, metadata } = paramsFor('lakera-guard', request);
      const messages = conversationOf(item, role);
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, '/v2/guard'),
        headers: await requestHeaders(request, item),
        body: {
          messages,
          ...(project_id && { project_id }),
          payload: true,
          breakdown: true,
          ...(metadata && { metadata }),
        },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer does not say whether it is flagged');
      const ofContent = (match: Match) => (match.message_id ?? messages.length - 1) === messages.length - 1;
      return read(parsed.data, item, ofContent, messages.length > 1);
    });
}

function read(
  { flagged, payload, breakdown }: z.output<typeof answerSchema>,
  item: DetectorItem,
  ofContent: (match: Match) => boolean,
  isConversation: boolean,
): ItemAnswer {
  const placed = (payload ?? [])
    .filter(ofContent)
    .map((match): RawFinding => ({ ...certain(match.detector_type), ...spanOf(match, item.content) }));
  const named = new Set(placed.map(({ label }) => label));
  const types = (breakdown ?? []).filter((one) => one.detected).map((one) => one.detector_type);
  const unplaced = [...new Set(types)].filter((type) => !named.has(type)).map(certain);
  const findings = [...placed, ...unplaced];
  return found(
    flagged && findings.length === 0 ? [certain('flagged')] : findings,
    isConversation ? [gap('last_message_only')] : [],
  );
}

/** Clients differ in whether the end is the last character or the one after it; the text beside it tells. */
function spanOf({ start, end, text }: Match, content: string): Pick<RawFinding, 'start' | 'end'> {
  const points = [...content];
  if (start > end || end > points.length) throw invalid('a span lies outside the content');
  const reads = (to: number): boolean => points.slice(start, to).join('') === text;
  if (text === null || text === undefined || reads(end)) return { start, end };
  if (end < points.length && reads(end + 1)) return { start, end: end + 1 };
  return { start: null, end: null };
}

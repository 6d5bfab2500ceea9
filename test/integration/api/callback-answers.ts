import type { HttpAnswer, System } from '../../support/system';
import { ended, upload } from '../bulk/support';
import { calledBack } from '../callbacks/support';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const list = '/orchestrate/callbacks';
const replay = '/orchestrate/jobs/{job_id}/callback/replay';
const replayBulk = '/orchestrate/bulk/{bulk_id}/callback/replay';

/** How the answers about callbacks are come by. */
export function callbackAnswers(
  of: () => System,
  receiver: () => string,
  heldJob: (fields?: object) => Promise<{ readonly jobId: string; readonly release: () => void }>,
): Ask[] {
  const replayed = (jobId: string) => of().request('POST', replay.replace('{job_id}', jobId));
  const bulk = async () => {
    const { body } = await upload(of(), [{}], { 'x-callback-url': receiver() });
    return body.bulk_id;
  };
  const replayedBulk = (bulkId: string) => of().request('POST', replayBulk.replace('{bulk_id}', bulkId));
  return [
    [
      'post',
      replayBulk,
      202,
      async () => {
        const bulkId = await bulk();
        await ended(of(), bulkId);
        return replayedBulk(bulkId);
      },
    ],
    ['post', replayBulk, 404, () => replayedBulk('bulk-of-nobody')],
    [
      'post',
      replayBulk,
      409,
      async () => {
        const { release } = await heldJob();
        return replayedBulk(await bulk()).finally(release);
      },
    ],
    [
      'post',
      replay,
      202,
      async () => {
        const { jobId, release } = await heldJob({ metadata: { callback_url: receiver() } });
        release();
        await calledBack(of(), jobId, 'delivered');
        return replayed(jobId);
      },
    ],
    ['post', replay, 404, () => replayed('job-of-nobody')],
    [
      'post',
      replay,
      409,
      async () => {
        const { jobId, release } = await heldJob({ metadata: { callback_url: receiver() } });
        return replayed(jobId).finally(release);
      },
    ],
    ['get', list, 200, () => of().request('GET', `${list}?limit=1`)],
    ['get', list, 400, () => of().request('GET', `${list}?status=lost`)],
  ];
}

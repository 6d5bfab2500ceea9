import type { NoticeFault, NoticeMessage, Notifier } from '../contract/notices';
import type { SignedPost } from './signed-post';

/** Tells machines. */
export class WebhookNotifier implements Notifier {
  /** @param post null: there is no secret to sign with */
  constructor(private readonly post: SignedPost | null) {}

  async send({ id, to: url, notice }: NoticeMessage): Promise<NoticeFault | null> {
    if (!this.post) return 'secret_unavailable';
    const outcome = await this.post({ id, url, body: JSON.stringify({ notice_id: id, ...notice }) });
    if (outcome === 'delivered') return null;
    return outcome === 'refused' ? 'refused' : 'not_now';
  }
}

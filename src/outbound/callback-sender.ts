import { createHmac } from 'node:crypto';
import type { lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { request } from 'undici';
import type { CallbackFault } from '../contract/callback-state';
import type { Settings } from '../contract/config';
import { CredentialsError } from './credentials-error';
import { DispatcherPools } from './dispatcher-pools';
import type { SecretSource } from './secrets';
import { isListed, OutboundRefused, TargetRules } from './target-rules';

export interface CallbackMessage {
  readonly tenantId: string;
  /** The same at every attempt: by it the receiver knows the message. */
  readonly id: string;
  readonly url: string;
  readonly body: Buffer;
}

export interface CallbackAnswer {
  /** Null when there was none. */
  readonly status: number | null;
  /** Null when it was delivered. */
  readonly fault: CallbackFault | null;
  /** What the receiver asks for, in ms. */
  readonly retryAfterMs: number | null;
}

export interface CallbackSenderParts {
  readonly secrets: SecretSource;
  /** What a tenant has set itself in place of the hosts of the settings; null: nothing. */
  readonly hostsOf: (tenantId: string) => readonly string[] | null;
  /** Default: the system's resolver. */
  readonly lookup?: typeof systemLookup;
  readonly now?: () => number;
}

const maxUrlLength = 2000;
const connections = 8;
const maxAnswerBytes = 64 * 1024;

/** Tells receivers of tenants, at addresses that a tenant may name, what became of its jobs. */
export class CallbackSender {
  readonly #rules: TargetRules;
  readonly #pools: DispatcherPools;
  readonly #tenants: ReadonlyMap<string, Settings['callbacks']['tenants'][number]>;
  readonly #now: () => number;

  constructor(
    private readonly settings: Settings['callbacks'],
    private readonly production: boolean,
    private readonly parts: CallbackSenderParts,
  ) {
    this.#tenants = new Map(settings.tenants.map((tenant) => [tenant.tenant_id, tenant]));
    this.#rules = new TargetRules({
      // Lists are the tenants'.
      hosts: null,
      privateHosts: settings.private_hosts,
      privateNetworks: !production,
      ownUrls: [],
    });
    this.#pools = new DispatcherPools({ rules: this.#rules, ...parts });
    this.#now = parts.now ?? Date.now;
  }

  /** What keeps a tenant from being called back there, said to whoever names it; null when nothing does. */
  refusalOf(tenantId: string, text: string): string | null {
    if (text.length > maxUrlLength) return `must be at most ${maxUrlLength} characters`;
    if (!URL.canParse(text)) return 'must be a URL';
    const url = new URL(text);
    if (url.protocol !== 'https:' && (this.production || url.protocol !== 'http:'))
      return 'must be an https URL';
    if (url.username !== '' || url.password !== '')
      return 'must not hold credentials; the signature tells who calls';
    if (!this.#isAllowed(tenantId, url.hostname))
      return 'must lead to a host that callbacks.tenants or its callback_hosts allow the tenant; poll the job instead';
    const address = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) === 0) return null;
    try {
      this.#rules.checkAddress(url, address);
      return null;
    } catch {
      return 'must not lead to a private network';
    }
  }

  /** A private host is somebody's: a tenant gets to one only by the settings. */
  #isAllowed(tenantId: string, hostname: string): boolean {
    const tenant = this.#tenants.get(tenantId);
    if (!tenant) return false;
    const own = this.parts.hostsOf(tenantId);
    if (own === null) return isListed(hostname, tenant.hosts);
    const isPrivate = isListed(hostname, this.settings.private_hosts);
    return isListed(hostname, own) && (!isPrivate || isListed(hostname, tenant.hosts));
  }

  async send(message: CallbackMessage): Promise<CallbackAnswer> {
    if (this.refusalOf(message.tenantId, message.url) !== null) return without('target_refused');
    try {
      return await this.#post(message, await this.#headersOf(message));
    } catch (error) {
      return without(faultOf(error));
    }
  }

  async close(): Promise<void> {
    await this.#pools.close();
  }

  async #post(
    { tenantId, url, body }: CallbackMessage,
    headers: Record<string, string>,
  ): Promise<CallbackAnswer> {
    const signal = AbortSignal.timeout(this.settings.timeout_ms);
    const dispatcher = this.#pools.dispatcherFor({
      id: `callback ${tenantId}`,
      connections,
      connectTimeoutMs: this.settings.timeout_ms,
    });
    const answer = await request(url, { method: 'POST', headers, body, signal, dispatcher });
    const { statusCode: status } = answer;
    // The status has said it all: what goes wrong with the rest changes nothing.
    await answer.body.dump({ limit: maxAnswerBytes, signal }).catch(() => undefined);
    const fault = faultOfStatus(status);
    return { status, fault, retryAfterMs: fault && retryAfterMs(answer.headers['retry-after'], this.#now()) };
  }

  /** By the Standard Webhooks scheme, once with each secret, and as spec/orchestration.md 1.9 has it with the first. */
  async #headersOf({ tenantId, id, body }: CallbackMessage): Promise<Record<string, string>> {
    const references = this.#tenants.get(tenantId)!.secret_refs;
    const secrets = await Promise.all(references.map((reference) => this.#secret(reference)));
    const at = new Date(this.#now());
    const text = body.toString();
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, text)).join(' '),
      'x-orchestrator-signature': `sha256=${createHmac('sha256', keyOf(secrets[0]!)).update(body).digest('hex')}`,
    };
  }

  async #secret(reference: string): Promise<string> {
    const secret = await this.parts.secrets.read(reference);
    if (secretForm.test(secret)) return secret;
    throw new CredentialsError(`${reference} must be whsec_ and at least 24 bytes in base64`);
  }
}

const secretForm = /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/;

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice('whsec_'.length), 'base64');
}

function without(fault: CallbackFault): CallbackAnswer {
  return { status: null, fault, retryAfterMs: null };
}

function faultOfStatus(status: number): CallbackFault | null {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return 'receiver_gone';
  return status >= 300 && status < 400 ? 'redirected' : 'http_status';
}

function faultOf(error: unknown): CallbackFault {
  if (error instanceof OutboundRefused) return 'target_refused';
  if (error instanceof CredentialsError) return 'secret_unavailable';
  // A DOMException, as time-outs are, is not everywhere an Error.
  const { name = '', code = '' } = error as { readonly name?: string; readonly code?: unknown };
  if (name === 'TimeoutError' || /TIMEOUT|ETIMEDOUT/.test(String(code))) return 'timeout';
  return /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(String(code)) ? 'tls_failed' : 'connection_failed';
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | string[] | undefined, now: number): number | null {
  if (typeof header !== 'string') return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

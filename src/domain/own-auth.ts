import type { OutboundAuth } from '../contract/outbound-auth';
import type { EndpointConfig } from '../contract/upstream';

const none: OutboundAuth = { auth_type: 'none', auth_config: {} };

/** Credentials of ours; an endpoint that names none is shown its callers' only. */
export function ownAuth({ auth_type, auth_config }: EndpointConfig): OutboundAuth {
  return Object.keys(auth_config).some((name) => name !== 'tls') ? { auth_type, auth_config } : none;
}

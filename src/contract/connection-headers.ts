/** Headers that belong to one connection and never cross a proxy (RFC 9110, 7.6.1, and what is older). */
export const connectionHeaders: readonly string[] = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
];

import type { Settings } from '../contract/config';

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

/** In development nobody but this machine is meant to reach us, where nobody else can. */
export function isOwnMachine({ environment, host }: Settings['service']): boolean {
  return environment === 'development' && isLoopback(host);
}

import { bundleNames } from './bundles';
import type { Target } from './target';

/** Another orchestrator of detectors, which somebody has started with the mock detectors as its detectors. */
export interface Peer {
  name: string;
  /** Of its content detection. */
  url: string;
}

const contentDetection = '/api/v2/text/detection/content';

/**
 * Reads `NAME=http://host:port`; an address without a path means FMS v2 content detection.
 * @throws Error in words for the command line
 */
export function parsePeer(text: string): Peer {
  const [, name, address] = /^([A-Za-z0-9._-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || address === undefined || !URL.canParse(address)) {
    throw new Error('not of the form NAME=http://host:port');
  }
  const url = new URL(address);
  if (!['http:', 'https:'].includes(url.protocol)) throw new Error('not an address of http or https');
  if (url.pathname === '/') url.pathname = contentDetection;
  return { name, url: url.href };
}

/** A peer is asked for the detectors of the bundle by name, in the request. */
export function peerTarget({ name, url }: Peer): Target {
  return { name, url, shape: { kind: 'fms', bundle: bundleNames[0] } };
}

import type { BreakKind } from '../contract/audit';
import { type Linked, linkHash } from './audit-chain';

/** A link as it was found. */
export interface FoundLink extends Linked {
  readonly previous: Buffer;
  readonly hash: Buffer;
  /** Digest of the row as it is now; null when there is no such row. */
  readonly found: Buffer | null;
}

/** Where a walk along a chain stands. */
export interface Walk {
  readonly position: number;
  readonly hash: Buffer;
}

export interface Break {
  readonly kind: BreakKind;
  readonly position: number;
  readonly sequence: string | null;
  readonly message: string;
}

/** Whether a link follows on what was walked, and its row is the one that was sealed. */
export function follows(tenantId: string, before: Walk, link: FoundLink): boolean {
  return (
    link.position === before.position + 1 &&
    link.found !== null &&
    link.found.equals(link.digest) &&
    link.previous.equals(before.hash) &&
    linkHash(tenantId, before.hash, link).equals(link.hash)
  );
}

/** What was done to a link that does not follow. @param around links near it, on both sides */
export function breakOf(
  tenantId: string,
  before: Walk,
  link: FoundLink,
  around: readonly FoundLink[],
): Break {
  const place = before.position + 1;
  if (link.position !== place) {
    const upTo = link.position - 1;
    const missing = upTo === place ? `link ${place} is` : `links ${place} to ${upTo} are`;
    return { kind: 'removed', position: place, sequence: null, message: `${missing} missing` };
  }
  const at = (kind: BreakKind, message: string): Break => ({
    kind,
    position: place,
    sequence: link.sequence,
    message,
  });
  if (link.found === null) return at('removed', `row ${link.sequence} is gone; its link stands`);
  const { found } = link;
  if (link.previous.equals(before.hash) && linkHash(tenantId, before.hash, link).equals(link.hash)) {
    const other = around.find((one) => one.position !== place && one.digest.equals(found));
    if (other)
      return at('reordered', `row ${link.sequence} holds what was sealed at position ${other.position}`);
    return at('altered', `row ${link.sequence} is not what was sealed`);
  }
  return linkBreak(tenantId, before, link, around, at);
}

/** The link itself is not the one that was made for this place. */
function linkBreak(
  tenantId: string,
  before: Walk,
  link: FoundLink,
  around: readonly FoundLink[],
  at: (kind: BreakKind, message: string) => Break,
): Break {
  const { position } = link;
  const isMadeFor = (one: FoundLink, previous: Buffer, place: number): boolean =>
    linkHash(tenantId, previous, { ...one, position: place }).equals(one.hash);
  const own = around.find(
    (one) => one.position !== position && isMadeFor(link, link.previous, one.position),
  )?.position;
  const rightful = around.find((one) => one.position !== position && isMadeFor(one, before.hash, position));
  if (rightful && own !== undefined) return at('reordered', `the link was made for position ${own}`);
  if (rightful)
    return at('inserted', `the link that was made for this place is at position ${rightful.position}`);
  if (own !== undefined && own > position)
    return at('removed', `${own - position} before this link are gone`);
  return at('altered', `the link of row ${link.sequence} is not the one that was made`);
}

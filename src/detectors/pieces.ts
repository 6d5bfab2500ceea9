import type { Member, PlannedDetector } from '../contract/plan';
import type { ItemAnswer } from './adapter';
import type { DetectorCallError } from './call-error';
import { joinParts, type JudgedPart } from './joined-parts';
import { type Part, partsOf } from './parts';

/** What is sent of a member in one piece: all of it, or a part. */
export interface Piece extends Part {
  readonly member: Member;
  /** From 1; null: it is all. */
  readonly part: number | null;
  readonly of: number;
}

/** The member whole where the detector takes it so, else in parts (domain/long-content.ts says whether at all). */
export function piecesOf(detector: PlannedDetector, member: Member): Piece[] {
  const { content, content_length: length } = member;
  if (detector.long_content !== 'split' || length <= detector.max_content_length) {
    return [{ member, content, start: 0, length, part: null, of: 1 }];
  }
  const parts = partsOf(content, detector.max_content_length);
  return parts.map((part, index) => ({ ...part, member, part: index + 1, of: parts.length }));
}

type Answer = ItemAnswer | DetectorCallError;

/** Puts the answers on parts together; one attempt's. */
export class Puzzle {
  readonly #placed = new Map<Member, JudgedPart[]>();

  /** @param mayTryAgain whether another attempt follows when this one fails */
  constructor(private readonly mayTryAgain: boolean) {}

  /** @returns the member with its answer once all of its parts have theirs, else nothing */
  place(piece: Piece, answer: Answer): (readonly [Member, Answer])[] {
    const { member, start, length, of } = piece;
    if (piece.part === null) return [[member, answer]];
    const placed = [...(this.#placed.get(member) ?? []), { start, length, answer }];
    this.#placed.set(member, placed);
    if (placed.length < of) return [];
    const inOrder = placed.toSorted((a, b) => a.start - b.start);
    return [[member, joinParts(inOrder, this.mayTryAgain)]];
  }
}

/** Says that a request is over. */
export type End = () => void;

/** Requests of each tenant that are under way at a time. */
export interface UnderWay {
  /** @returns null when there are as many as there may be */
  begin(tenantId: string, most: number): End | null | Promise<End | null>;
}

/** Of this process alone. */
export class UnderWayInMemory implements UnderWay {
  readonly #counts = new Map<string, number>();

  begin(tenantId: string, most: number): End | null {
    const count = this.#counts.get(tenantId) ?? 0;
    if (count >= most) return null;
    this.#counts.set(tenantId, count + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = this.#counts.get(tenantId)! - 1;
      if (left > 0) this.#counts.set(tenantId, left);
      else this.#counts.delete(tenantId);
    };
  }
}

/** Who asked for a change, and with which request, for the record of it. */
export interface ChangedBy {
  readonly principal: string;
  readonly requestId: string;
  readonly correlationId: string | null;
}

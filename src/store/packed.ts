/** Where a buffer begins in the pack, as PostgreSQL counts (from one), and how long it is. */
export interface Place {
  readonly bytes_from: number;
  readonly bytes_length: number;
}

/**
 * Many buffers as one parameter, which travels as it is: `substring(pack from bytes_from for bytes_length)`. As text among
 * the fields of a row they are a third longer, and are scanned by each who passes them on.
 */
export function packed(buffers: readonly Buffer[]): {
  readonly pack: Buffer;
  readonly places: readonly Place[];
} {
  let end = 1;
  const places = buffers.map(({ length }) => {
    const from = end;
    end += length;
    return { bytes_from: from, bytes_length: length };
  });
  return { pack: Buffer.concat(buffers, end - 1), places };
}

/** The form in which labels are compared: lower case, trimmed, runs of white space and `/ _ . -` as one `_`. */
export function fold(label: string): string {
  return label
    .toLowerCase()
    .trim()
    .replaceAll(/[\s/_.-]+/g, '_');
}

/** The words of a folded label. */
export function tokensOf(folded: string): string[] {
  return folded.split('_').filter((token) => token !== '');
}

/**
 * Full-width characters, exotic spaces and typographic dashes become their plain counterparts. Every replacement is as
 * long as what it replaces, so that spans hold for the original too.
 */
export function foldLookalikes(text: string): string {
  return text
    .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u2010-\u2015\u2212]/g, '-');
}

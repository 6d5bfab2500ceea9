/** Orders versions by their numbers, however long: 1.10 comes after 1.9; what is missing counts as 0. */
export function byVersion(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = byNumber(left[i] ?? '0', right[i] ?? '0');
    if (difference !== 0) return difference;
  }
  return 0;
}

function byNumber(a: string, b: string): number {
  const [left, right] = [a, b].map((digits) => digits.replace(/^0+/, '')) as [string, string];
  if (left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

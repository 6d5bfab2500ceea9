interface Image {
  readonly format: 'png' | 'jpeg' | 'gif' | 'webp';
  readonly base64: string;
}

/** How the first bytes of each format look in base64. */
const heads = [
  ['iVBOR', 'png'],
  ['/9j/', 'jpeg'],
  ['R0lG', 'gif'],
  ['UklG', 'webp'],
] as const;

/** An image as the contract has it: base64, with or without the head of a data URL, which may be wrong about it. */
export function imageOf(content: string): Image {
  const base64 = content.replace(/^data:[^,]*,/, '');
  const format = heads.find(([head]) => base64.startsWith(head))?.[1] ?? 'png';
  return { format, base64 };
}

export function asDataUrl(content: string): string {
  const { format, base64 } = imageOf(content);
  return `data:image/${format};base64,${base64}`;
}

const head = /^data:image\/(?:png|jpeg|gif|webp);base64,/;

/** The base64 of an image, which may stand in a data URL. */
export function withoutImageHead(content: string): string {
  return content.replace(head, '');
}

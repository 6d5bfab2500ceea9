/** Collects text up to a limit, and knows whether there was more. */
export class TextGatherer {
  readonly #pieces: string[] = [];
  #length = 0;
  overflowed = false;

  constructor(private readonly maxCharacters: number) {}

  add(text: string): void {
    if (text === '') return;
    const room = this.maxCharacters - this.#length;
    if (text.length > room) {
      this.overflowed = true;
      text = text.slice(0, Math.max(0, room));
    }
    this.#pieces.push(text);
    this.#length += text.length;
  }

  /** Without what no detector may get, and what only takes up room. */
  get text(): string {
    return this.#pieces
      .join('')
      .toWellFormed()
      .replaceAll('\0', '')
      .replace(/[^\S\n]+\n/g, '\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
  }
}

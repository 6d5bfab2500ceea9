/** Arguments can be read by others on the machine: `-` stands for what comes on standard input. */
export async function tokenGiven(
  shown: string,
  input: AsyncIterable<Buffer | string> = process.stdin,
): Promise<string> {
  if (shown !== '-') return shown;
  let text = '';
  for await (const chunk of input) text += chunk.toString();
  return text.trim();
}

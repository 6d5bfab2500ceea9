import { z } from 'zod';
import type { DetectorItem } from './adapter';
import { unusable } from './detector-params';

const messagesSchema = z.array(
  z.object({ role: z.enum(['system', 'user', 'assistant', 'tool']), content: z.string() }),
);
const contextSchema = z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]);

interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}

/**
 * The content as the last turn of a conversation. What went before it is the caller's `metadata.messages`.
 * @throws DetectorCallError when those are no messages
 */
export function conversationOf(item: DetectorItem, role: 'user' | 'assistant'): Message[] {
  const before = messagesSchema.safeParse(item.metadata?.['messages'] ?? []);
  if (!before.success) throw unusable('metadata.messages is not a list of {role, content}');
  return [...before.data, { role, content: item.content }];
}

/**
 * What the content answers: the caller's `metadata.prompt`.
 * @throws DetectorCallError when there is none
 */
export function promptOf({ metadata }: DetectorItem): string {
  const prompt = metadata?.['prompt'];
  if (typeof prompt !== 'string' || prompt === '') throw unusable('this detector needs metadata.prompt');
  return prompt;
}

/**
 * What the content is held against: the caller's `metadata.context`.
 * @throws DetectorCallError when there is none
 */
export function contextOf({ metadata }: DetectorItem): string[] {
  const context = contextSchema.safeParse(metadata?.['context']);
  if (!context.success) throw unusable('this detector needs metadata.context, a text or a list of texts');
  return context.data;
}

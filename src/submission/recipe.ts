import { createHash } from 'node:crypto';
import type { Plan } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';

/** What is kept of a job so that it can be run again: everything but the content. */
export interface Recipe {
  readonly plan: Plan;
  readonly request: Omit<OrchestrationRequest, 'content'>;
  /** By which a content that is sent again is known. */
  readonly content_sha256: string;
}

export function recipeOf(plan: Plan, { content, ...request }: OrchestrationRequest): Buffer {
  return Buffer.from(JSON.stringify({ plan, request, content_sha256: sha256(content) } satisfies Recipe));
}

export function isAbout(recipe: Recipe, content: string): boolean {
  return recipe.content_sha256 === sha256(content);
}

export function readRecipe(bytes: Buffer): Recipe {
  return JSON.parse(bytes.toString()) as Recipe;
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

import type { Plan } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';

/** What is kept of a job so that it can be run again: everything but the content. */
export interface Recipe {
  readonly plan: Plan;
  readonly request: Omit<OrchestrationRequest, 'content'>;
}

export function recipeOf(plan: Plan, { content: _content, ...request }: OrchestrationRequest): Buffer {
  return Buffer.from(JSON.stringify({ plan, request } satisfies Recipe));
}

export function readRecipe(bytes: Buffer): Recipe {
  return JSON.parse(bytes.toString()) as Recipe;
}

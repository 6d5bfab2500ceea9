import { type Command, Option } from 'commander';
import type { ApiTarget } from './api-client';
import type { Format } from './print';

export interface Common {
  readonly url?: string;
  readonly tenant?: string;
  readonly format: Format;
}

/** What the commands need of the program around them. */
export interface CommandContext {
  /** Of the facade that the settings name. */
  readonly defaultUrl: () => string;
  readonly exit: (code: number) => void;
}

export const invalid = 1;
const misused = 2;

type Work<T> = (target: ApiTarget, options: T, ...args: string[]) => Promise<number | void>;

/** How commands are made that ask the API (spec/orchestration.md 9.4). Exit codes: what the work says, else 0; 1 refused; 2 no connection. */
export function apiCommands(parent: Command, context: CommandContext) {
  return {
    command: (name: string, description: string): Command =>
      parent
        .command(name)
        .description(description)
        .option('--url <url>', 'address of the API (default: what the settings say)')
        .option('--tenant <tenant>', 'ask as this tenant')
        .addOption(
          new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'),
        )
        .addOption(new Option('--json', 'the same as --format json').implies({ format: 'json' })),

    run:
      <T extends Common>(work: Work<T>) =>
      async (...given: unknown[]): Promise<void> => {
        // Commander hands over the arguments, then the options, then the command.
        const options = given.at(-2) as T;
        const args = given.slice(0, -2) as string[];
        const { ConnectionError } = await import('./api-client.js');
        try {
          const target = { url: options.url ?? context.defaultUrl(), tenant: options.tenant };
          context.exit((await work(target, options, ...args)) ?? 0);
        } catch (error) {
          console.error((error as Error).message);
          context.exit(error instanceof ConnectionError ? misused : invalid);
        }
      },
  };
}

export async function call<T>(target: ApiTarget, method: string, path: string, body?: unknown): Promise<T> {
  const { callApi } = await import('./api-client.js');
  return callApi<T>(target, method, path, body);
}

const pageSize = 200;

/** All pages of a list. */
export async function callForAll<T>(
  target: ApiTarget,
  path: string,
  itemsOf: (page: T) => readonly unknown[],
  filters: Readonly<Record<string, string | undefined>> = {},
): Promise<T[]> {
  const pages: T[] = [];
  let token: string | undefined;
  do {
    const asked = { ...filters, limit: String(pageSize), page_token: token };
    const given = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const page: T & { next_page_token?: string } = await call(
      target,
      'GET',
      `${path}?${new URLSearchParams(given).toString()}`,
    );
    pages.push(page);
    token = itemsOf(page).length > 0 ? page.next_page_token : undefined;
  } while (token !== undefined);
  return pages;
}

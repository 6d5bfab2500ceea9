import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../support/browser';
import { System } from '../../support/system';

let system: System;
let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
  system = await System.start({ detectors: ['a'], parts: ['api'] });
});
afterAll(async () => {
  await browser?.close();
  await system?.stop();
});

/** Opens a page and keeps what it complained of and whom it asked. */
async function open(url: string) {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) origins.add(new URL(request.url()).origin);
  });
  await page.goto(url);
  await page.locator('.opblock').first().waitFor();
  return { page, complaints, origins };
}

describe('The docs page', () => {
  it.each(['/api/v1/docs', '/api/v1/docs/', '/docs'])(
    'shows every operation at %s, without complaint and without asking anybody else',
    async (route) => {
      const { page, complaints, origins } = await open(`${system.url}${route}`);
      const { body } = await system.request<{ paths: Record<string, object> }>('GET', '/openapi.json');
      const operations = Object.values(body.paths).flatMap((methods) => Object.keys(methods));
      expect(await page.locator('.opblock').count()).toBe(operations.length);
      const texts = await page.locator('.opblock-summary-path').allTextContents();
      // Swagger UI breaks paths at slashes with zero-width spaces.
      const shown = texts.map((text) => text.replaceAll('\u200b', ''));
      expect([...new Set(shown)].toSorted()).toEqual(Object.keys(body.paths).toSorted());
      expect(complaints).toEqual([]);
      expect([...origins]).toEqual([system.url]);
      await page.close();
    },
  );

  it('asks nobody else under a public name either', async () => {
    const url = system.url.replace('127.0.0.1', 'conclave.test');
    const { page, origins } = await open(`${url}/api/v1/docs`);
    expect([...origins]).toEqual([url]);
    await page.close();
  });

  it('sends a request typed into it and shows the answer', async () => {
    const { page } = await open(`${system.url}/api/v1/docs`);
    const live = page.locator('#operations-default-live');
    await live.locator('.opblock-summary-control').click();
    await live.getByRole('button', { name: 'Try it out' }).click();
    await live.getByRole('button', { name: 'Execute' }).click();
    const answer = live.locator('.live-responses-table .response', { hasText: '"alive"' });
    await answer.waitFor();
    expect(await answer.locator('.response-col_status').textContent()).toContain('200');
    await page.close();
  });
});

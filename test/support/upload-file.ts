import type { UploadedContent } from '../../src/contract/content';
import type { HttpAnswer, System } from './system';

/** POST /orchestrate/content as a client sends it. */
export async function uploadFile<T = UploadedContent>(
  system: System,
  bytes: Buffer,
  tenantId = 'demo',
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<T>> {
  const form = new FormData();
  form.set('tenant_id', tenantId);
  form.set('file', new Blob([new Uint8Array(bytes)]), 'file');
  const response = await fetch(`${system.url}/api/v1/orchestrate/content`, {
    method: 'POST',
    body: form,
    headers,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as T };
}

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TenantOperation } from '../contract/tenant-operations';
import { type ApiTarget, downloadFrom } from './api-client';

/** Names as the service gives them: what else a manifest might say leads nowhere. */
const fileName = /^[a-z][a-z-]{0,40}\.ndjson$/;

/**
 * Downloads the files of an export, each of which must be what the manifest says, and the manifest beside them.
 * @throws Error naming the file that is not
 */
export async function saveExport(
  target: ApiTarget,
  operation: TenantOperation,
  folder: string,
): Promise<void> {
  const { operation_id: id, tenant_id: tenantId, report, signature } = operation;
  if (!report || !('files' in report)) throw new Error(`operation ${id} is no export`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { name, sha256 } of report.files) {
    if (!fileName.test(name)) throw new Error(`the manifest names a file ${JSON.stringify(name)}`);
    const digest = createHash('sha256');
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        digest.update(chunk);
        done(null, chunk);
      },
    });
    const lines = await downloadFrom(target, `/tenants/${tenantId}/exports/${id}/files/${name}`);
    await pipeline(lines, counted, createWriteStream(path.join(folder, name), { mode: 0o600 }));
    if (digest.digest('hex') !== sha256)
      throw new Error(`${name} is not what the manifest says; download it again`);
  }
  const manifest = `${JSON.stringify({ report, signature }, null, 2)}\n`;
  await writeFile(path.join(folder, 'manifest.json'), manifest, { mode: 0o600 });
}

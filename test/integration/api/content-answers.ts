import { docx } from '../../support/documents';
import type { HttpAnswer, System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on uploaded files are come by, in this order. */
export function contentAnswers(of: () => System): Ask[] {
  const route = '/orchestrate/content';
  const file = docx(['a letter']);
  const remove = async () => {
    const { body } = await uploadFile(of(), file);
    const path = `${route}/${body.content_ref}`;
    return () => of().request('DELETE', path, undefined, { 'X-Tenant-ID': 'demo' });
  };
  return [
    ['post', route, 201, () => uploadFile(of(), file)],
    ['post', route, 200, () => uploadFile(of(), file)],
    ['post', route, 400, () => uploadFile(of(), file.subarray(0, 100))],
    ['post', route, 403, () => uploadFile(of(), file, 'demo', { 'X-Tenant-ID': 'other' })],
    ['delete', `${route}/{content_ref}`, 204, async () => (await remove())()],
    [
      'delete',
      `${route}/{content_ref}`,
      404,
      async () => {
        const again = await remove();
        await again();
        return again();
      },
    ],
  ];
}

import request from 'supertest';
import { png } from '../../../support/documents';
import { appWith } from '../support';

describe("OpenAI's moderations", () => {
  it('refuse an image of more pixels than are decoded, before anybody judges it', async () => {
    const url = `data:image/png;base64,${png(10, 11).toString('base64')}`;
    const response = await request(await appWith({ facades: { maxImagePixels: 100 } }))
      .post('/v1/moderations')
      .send({ model: 'omni-moderation-latest', input: [{ type: 'image_url', image_url: { url } }] });
    expect([response.status, response.body]).toMatchObject([
      400,
      { error: { code: 'image_too_large', param: 'content' } },
    ]);
  });
});

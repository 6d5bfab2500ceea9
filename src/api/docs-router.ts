import express, { Router } from 'express';
import { getAbsoluteFSPath } from 'swagger-ui-dist';
import { openApiDocument } from './openapi';

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Conclave API</title>
    <link rel="stylesheet" href="/api/v1/docs/assets/swagger-ui.css">
    <link rel="icon" href="/api/v1/docs/assets/favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api/v1/docs/assets/swagger-ui-bundle.js"></script>
    <script src="/api/v1/docs/start.js"></script>
  </body>
</html>`;
/** Without `validatorUrl: null` the page would show the document to a server elsewhere. */
const script = `SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
});`;

/** The OpenAPI document and a page to read and try it, all served from here. */
export function docsRouter(version: string): Router {
  const router = Router();
  const document = openApiDocument(version);
  router.get('/openapi.json', (_request, response) => {
    response.json(document);
  });
  router.use('/docs/assets', express.static(getAbsoluteFSPath(), { index: false, maxAge: '1h' }));
  router.get('/docs/start.js', (_request, response) => {
    response.type('text/javascript').send(script);
  });
  router.get('/docs', (_request, response) => {
    response.type('html').send(page);
  });
  return router;
}

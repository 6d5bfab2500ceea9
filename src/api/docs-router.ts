import express, { Router } from 'express';
// The package itself loads all of the page, which is for browsers: 0.3 s of every start.
import getAbsoluteFSPath from 'swagger-ui-dist/absolute-path';
import { type DeclaredRoute, open } from './access';
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
/** Swagger UI writes styles into its elements, and its icons into its styles. */
const pagePolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";
/** Without `validatorUrl: null` the page would show the document to a server elsewhere. */
const script = `SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
});`;

/**
 * The OpenAPI document and a page to read and try it, all served from here.
 * @param routes all of the application, which may come later
 */
export function docsRouter(version: string, routes: readonly DeclaredRoute[]): Router {
  const router = Router();
  let document: object | null = null;
  router.get('/openapi.json', open(), (_request, response) => {
    // Now all routes are there.
    document ??= openApiDocument(version, routes);
    response.json(document);
  });
  router.use('/docs/assets', open(), express.static(getAbsoluteFSPath(), { index: false, maxAge: '1h' }));
  router.get('/docs/start.js', open(), (_request, response) => {
    response.type('text/javascript').send(script);
  });
  router.get('/docs', open(), (_request, response) => {
    response.set('Content-Security-Policy', pagePolicy).type('html').send(page);
  });
  return router;
}

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import express, { type RequestHandler } from 'express';
import { serve } from './announce';

/** The least that an answer can cost: an Express handler that answers a constant, without and with reading the request. */
const { values } = parseArgs({ options: { answer: { type: 'string' } } });
if (values.answer === undefined) throw new Error('--answer FILE is missing');
const answer = readFileSync(values.answer, 'utf8');

const app = express();
app.disable('x-powered-by');
const constant: RequestHandler = (_request, response) => {
  response.type('json').send(answer);
};
app.post('/unread', constant);
app.post('/read', express.json(), constant);

void serve(createServer(app));

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import express from 'express';
import { serve } from './announce';

/** The least that an answer can cost: an Express handler that reads nothing and answers a constant. */
const { values } = parseArgs({ options: { answer: { type: 'string' } } });
if (values.answer === undefined) throw new Error('--answer FILE is missing');
const answer = readFileSync(values.answer, 'utf8');

const app = express();
app.disable('x-powered-by');
app.post('/api/v1/orchestrate', (_request, response) => {
  response.type('json').send(answer);
});

void serve(createServer(app));

import { buffer } from 'node:stream/consumers';
import { denyNetwork } from './deny-network';
import { extract } from './extract';
import { extractionLimitsSchema } from './outcome';

/** A process that reads one document: the file comes in by standard input, what it says goes out as JSON. */
async function readDocument(): Promise<void> {
  denyNetwork();
  const limits = extractionLimitsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
  const outcome = await extract(await buffer(process.stdin), limits);
  process.stdout.write(JSON.stringify(outcome), () => process.exit(0));
}

// Whatever a parser throws may quote the document: nobody is told.
readDocument().catch(() => process.exit(1));

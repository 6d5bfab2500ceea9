import { textOfOffice } from './office';
import { type ExtractionLimits, type ExtractionOutcome, RefusedDocument } from './outcome';
import { textOfPdf } from './pdf';
import { textOfRtf } from './rtf';

/** What a document says, or why it says nothing. What it is its first bytes tell, whatever it was called. */
export async function extract(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  try {
    const outcome = await textOf(bytes, limits);
    return outcome.kind === 'text' && outcome.text === '' ? refused('without_text') : outcome;
  } catch (error) {
    if (error instanceof RefusedDocument) return refused(error.reason);
    return refused('damaged');
  }
}

async function textOf(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  if (bytes.subarray(0, 1024).includes('%PDF-')) return textOfPdf(bytes, limits);
  if (bytes.subarray(0, 2).toString('latin1') === 'PK') return textOfOffice(bytes, limits);
  if (bytes.subarray(0, 5).toString('latin1') === '{\\rtf') return textOfRtf(bytes, limits);
  if (bytes.subarray(0, 8).equals(compoundFile)) {
    const locked = bytes.includes(Buffer.from('EncryptedPackage', 'utf16le'));
    return refused(locked ? 'encrypted' : 'unsupported');
  }
  return refused('unsupported');
}

/** Office files of before 2007, and encrypted ones of today. */
const compoundFile = Buffer.from('d0cf11e0a1b11ae1', 'hex');

function refused(reason: RefusedDocument['reason']): ExtractionOutcome {
  return { kind: 'refused', reason };
}

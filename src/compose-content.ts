import type { UploadRouterDependencies } from './api/upload-router';
import type { RateLimit } from './api/rate-limit';
import { DocumentReader } from './content/document-reader';
import { Examiner } from './content/examiner';
import { ContentIntake } from './content/intake';
import { Uploads } from './content/uploads';
import type { Settings } from './contract/config';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import { UploadedContents } from './store/uploaded-contents';
import type { Logger } from './telemetry/logger';

interface ContentParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly log: Logger;
}

const removalMs = 60_000;

/** The part of the composition root that takes files in and makes contents of them. */
export function composeContent({
  settings: { content: settings, orchestration },
  db,
  keys,
  log,
}: ContentParts) {
  const reader = new DocumentReader({
    limits: {
      max_characters: settings.max_document_characters,
      max_pages: settings.max_document_pages,
      max_inflated_bytes: settings.max_inflated_bytes,
      max_entries: settings.max_archive_entries,
    },
    memoryMb: settings.reading_memory_mb,
    maxConcurrent: settings.max_concurrent_readings,
    maxWaiting: settings.max_waiting_readings,
  });
  const examiner = new Examiner({ reader, settings });
  const files = new UploadedContents(db, keys, settings.upload_retention_minutes * 60_000);
  const uploads = new Uploads({ examiner, files, settings });
  const removal = setInterval(() => {
    files
      .removeExpired()
      .catch((error: unknown) => log.warn({ error }, 'expired uploads stay a while longer'));
  }, removalMs).unref();
  return {
    uploads,
    intake: new ContentIntake({ uploads, examiner, sla: orchestration, settings }),
    routes: (rateLimit: RateLimit): UploadRouterDependencies => ({
      uploads,
      limits: { maxFileBytes: settings.max_upload_bytes },
      maxConcurrent: settings.max_concurrent_uploads,
      rateLimit,
      uploadsPerMinute: orchestration.default_rate_limit_per_minute,
    }),
    stop() {
      clearInterval(removal);
      reader.stop();
    },
  };
}

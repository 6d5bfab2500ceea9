import type { Settings } from './contract/config';
import { FileWatch } from './registry/file-watch';
import { ServerTls } from './security/server-tls';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that has the facade speak TLS; null where it does not. */
export function composeTls({ service }: Settings, log: Logger) {
  const { cert_path, key_path } = service.tls;
  if (cert_path === null || key_path === null) return null;
  const tls = new ServerTls({ ...service.tls, cert_path, key_path });
  const watch = new FileWatch({ file: cert_path, changed: () => Promise.resolve(reload()) });
  watch.start();
  let failing = false;

  /** Files that are changed one after the other do not fit for a moment: those before are kept. */
  function reload(): void {
    try {
      if (tls.reload()) log.info('new connections are made with the certificates of now');
      failing = false;
    } catch (error) {
      if (!failing)
        log.error({ error }, 'the certificates of service.tls are not as they should be; those before stay');
      failing = true;
    }
  }

  return { tls, stop: () => watch.stop() };
}

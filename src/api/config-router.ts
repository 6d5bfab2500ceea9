import { Router } from 'express';
import { ConclaveError, GatewayError } from '../contract/errors';
import { configCandidateSchema } from '../contract/registry-api';
import { isVisibleId } from '../domain/registry';
import type { ConfigSource } from '../registry/config-source';
import type { FileFault } from '../registry/registry-file';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { contextOf } from './request-context';
import { sightOf } from './sight';

export interface ConfigRouterDependencies {
  readonly config: Pick<ConfigSource, 'reload' | 'status' | 'file' | 'validate'>;
  /** The versions that were applied or refused, the latest first, and the one in force. */
  readonly versions: () => Promise<{
    readonly current: string | null;
    readonly history: readonly {
      readonly version: string;
      readonly at: Date;
      readonly outcome: 'applied' | 'refused';
    }[];
  }>;
}

const maxBodyBytes = 4 * 1024 * 1024;

/** The registry file: its state, its content, reloading and trying it (spec/gateway.md 2.5). */
export function configRouter({ config, versions }: ConfigRouterDependencies): Router {
  const router = Router();
  const body = readBody(maxBodyBytes);

  router.post(
    '/config/reload',
    needs('config:write', { reach: 'installation' }),
    once(),
    async (_request, response) => {
      const { plan, version } = await config.reload(contextOf(response));
      const { added, updated, removed, unchanged, errors } = plan;
      response.json({
        success: errors.length === 0,
        message: added.length + updated.length + removed.length === 0 ? 'nothing has changed' : 'reloaded',
        endpoints_count: added.length + updated.length + unchanged,
        errors,
        version,
        changes: { added, updated, removed, unchanged_count: unchanged },
      });
    },
  );

  router.get('/config/status', needs('config:read', { reach: 'shared' }), async (_request, response) => {
    const { loaded, configPath, lastReload, lastReloadError, watching } = config.status;
    const { current, history } = await versions();
    response.json({
      loaded,
      version: current,
      config_path: configPath,
      endpoints_count: config.file?.entries.length ?? 0,
      last_reload: lastReload?.toISOString() ?? null,
      last_reload_error: lastReloadError,
      watching,
      history: history.map(({ version, at, outcome }) => ({ version, at: at.toISOString(), outcome })),
    });
  });

  router.get('/config/endpoints', needs('config:read', { reach: 'shared' }), (request, response) => {
    const { file } = config;
    if (!file) throw new GatewayError('CONFIG_NOT_LOADED', 'no valid registry file has been read yet');
    const sight = sightOf(request);
    const entries = file.entries.filter(({ endpoint_id: id }) => isVisibleId(id, sight));
    const disabled = entries.filter(({ endpoint }) => endpoint?.disabled === true).length;
    response.json({
      endpoints: entries.map(({ endpoint_id, kind, detector, endpoint }) => ({
        endpoint_id,
        kind,
        ...(masked({ ...(detector ?? endpoint) }) as object),
      })),
      total_count: entries.length,
      active_count: entries.length - disabled,
      disabled_count: disabled,
    });
  });

  router.post(
    '/config/validate',
    needs('config:read', { reach: 'installation', leaves: 'nothing' }),
    ...body,
    async (request, response) => {
      const { config_path: configPath, document } = bodyOf(request, configCandidateSchema, ['document']);
      const faults = await config.validate(configPath === undefined ? { document } : { configPath });
      if (faults === 'outside') {
        const message = 'must be the name of a file in the folder of the registry file';
        throw new ConclaveError('INVALID_REQUEST', `config_path ${message}`, {
          detail: 'path_outside',
          fieldErrors: [{ path: 'config_path', message }],
        });
      }
      response.json({
        valid: faults.length === 0,
        error_message: faults.length === 0 ? null : summary(faults),
        errors: faults,
        config_path: configPath ?? null,
      });
    },
  );

  return router;
}

function summary(faults: readonly FileFault[]): string {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return `${first!.path === '' ? '' : `${first!.path}: `}${first!.message}${more}`;
}

const hidden = new Set([
  'auth_config',
  'headers',
  'set_headers',
  'response_set_headers',
  'params',
  'canary',
  'set_query',
]);

/** Whatever may hold a credential says only that it is there. */
function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, hidden.has(key) ? maskOf(inner) : masked(inner)]),
  );
}

function maskOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return '***';
  return Object.fromEntries(Object.keys(value).map((key) => [key, '***']));
}

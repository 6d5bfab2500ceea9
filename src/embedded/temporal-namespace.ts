import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { searchAttributes } from './temporal-settings';

const retentionSeconds = 72 * 3600;
const grpcNotFound = 5;
/** What a server answers that keeps its operator service to itself, as Temporal Cloud does. */
const grpcRefusals: readonly number[] = [7, 12];

/**
 * Makes a namespace fit for Conclave: it exists, keeps closed runs for 72 h, and has our search attributes. Changes only
 * what is missing, so it may run at every start and against any server that lets us.
 */
export async function prepareNamespace(connection: Connection, namespace: string): Promise<void> {
  await ensureNamespace(connection, namespace);
  await ensureSearchAttributes(connection, namespace);
}

/** What `prepareNamespace` would still have to do, in words; null when nothing, or when the server does not tell. */
export async function unpreparedPart(connection: Connection, namespace: string): Promise<string | null> {
  try {
    const missing = await missingSearchAttributes(connection, namespace);
    return missing.length === 0
      ? null
      : `namespace ${namespace} lacks the search attributes ${missing.map(([name]) => name).join(', ')}`;
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    if (error.code === grpcNotFound) return `there is no namespace ${namespace}`;
    if (grpcRefusals.includes(error.code)) return null;
    throw error;
  }
}

async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionTtl = temporal.api.workflowservice.v1.RegisterNamespaceRequest.fromObject({
    workflowExecutionRetentionPeriod: { seconds: retentionSeconds },
  }).workflowExecutionRetentionPeriod;
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === retentionSeconds) return;
    await connection.workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl },
    });
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== grpcNotFound) throw error;
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: workflowExecutionRetentionTtl,
    });
  }
}

async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return;
  const types = {
    Keyword: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    KeywordList: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  };
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, types[type]])),
  });
}

async function missingSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<[string, 'Keyword' | 'KeywordList'][]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.entries(searchAttributes()).filter(([name]) => !Object.hasOwn(customAttributes ?? {}, name));
}

import { request } from 'undici';
import { z } from 'zod';
import { contentTypes } from '../contract/enums';
import { traitsOf } from '../contract/protocols';
import { type DetectorRegistration, detectorCapabilitiesSchema } from '../contract/registration';
import type { TlsReferences } from '../contract/outbound-auth';
import type { Outbound } from '../outbound/outbound';

const patienceMs = 2000;
const mostBytes = 64 * 1024;

/** What a detector says of itself; what Conclave does not know is passed over. */
const answerSchema = z
  .looseObject({ supported_content_types: z.array(z.string()) })
  .transform(({ supported_content_types: types, ...rest }) => ({
    ...Object.fromEntries(
      Object.entries(rest).filter(([key]) => key !== 'origin' && key in detectorCapabilitiesSchema.shape),
    ),
    supported_content_types: contentTypes.filter((type) => types.includes(type)),
  }))
  .pipe(detectorCapabilitiesSchema);

/**
 * A registration that does not declare what its detector can do, with what the detector says of it at `/capabilities`
 * (spec/orchestration.md 1.10). One that does not say, or not in time, stays as it was.
 */
export async function withCapabilities(
  registration: DetectorRegistration,
  outbound: Pick<Outbound, 'pools' | 'credentials'>,
): Promise<DetectorRegistration> {
  const { capabilities, protocol } = registration;
  // A cloud's address has no such place.
  if (capabilities.origin === 'declared' || traitsOf(protocol).healthPath === null) return registration;
  const said = await ask(registration, outbound).catch(() => null);
  const parsed = answerSchema.safeParse(said);
  if (!parsed.success) return registration;
  const types = parsed.data.supported_content_types.filter(
    (type) => type !== 'image' || traitsOf(protocol).images,
  );
  if (types.length === 0) return registration;
  return {
    ...registration,
    capabilities: { ...parsed.data, supported_content_types: types, origin: 'fetched' },
  };
}

async function ask(
  registration: DetectorRegistration,
  { pools, credentials }: Pick<Outbound, 'pools' | 'credentials'>,
): Promise<unknown> {
  const { name, detector_id: id = name, endpoint, auth_config: auth } = registration;
  const signal = AbortSignal.timeout(patienceMs);
  const { statusCode, body } = await request(new URL('/capabilities', endpoint), {
    method: 'GET',
    headers: {
      accept: 'application/json',
      'detector-id': id,
      ...(await credentials.headersFor(registration)),
    },
    dispatcher: pools.dispatcherFor({
      id: 'capabilities',
      tls: auth['tls'] as TlsReferences | undefined,
      maxAnswerBytes: mostBytes,
    }),
    signal,
  });
  if (statusCode === 200) return body.json();
  await body.dump({ limit: mostBytes, signal });
  return null;
}

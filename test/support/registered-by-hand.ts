/** What the registry adds to an upstream that was registered over the API and never changed since. */
export const registeredByHand = {
  source: 'manual',
  origin: 'api',
  status: 'active',
  traffic_percent: 100,
  ttl_seconds: null,
  registration_time: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
} as const;

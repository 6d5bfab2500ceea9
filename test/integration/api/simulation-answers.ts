import { randomUUID } from 'node:crypto';
import type { SimulationView } from '../../../src/contract/simulation';
import { eventually } from '../../support/eventually';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const simulate = '/policies/{bundle}/simulate';
const all = '/policies/{bundle}/simulations';
const one = '/policies/{bundle}/simulations/{simulation_id}';

/** How the answers of the operations on simulations are come by; one at least has been begun by then. */
export function simulationAnswers(of: () => System): Ask[] {
  const send = (method: string, path: string, body?: unknown) =>
    of().request<SimulationView>(method, `/policies/${path}`, body, { 'X-Tenant-ID': 'demo' });
  const candidate = (bundle: string) => ({
    policy: {
      tenant_id: 'demo',
      policy_bundle: bundle,
      required_detectors: ['b'],
      coverage_calculation: { calculation_method: 'required_set' },
    },
  });
  // What was judged is on record a moment later.
  const begin = () =>
    eventually(
      () => send('POST', 'default/simulate', candidate('default')),
      ({ status }) => status !== 409,
    );
  const begun = async () => `default/simulations/${(await begin()).body.simulation_id}`;
  return [
    ['post', simulate, 202, begin],
    ['post', simulate, 400, () => send('POST', 'default/simulate', { version: 1 })],
    ['post', simulate, 404, () => send('POST', 'default/simulate', { version: '7.0' })],
    ['post', simulate, 409, () => send('POST', 'nothing/simulate', candidate('nothing'))],
    ['get', all, 200, () => send('GET', 'default/simulations')],
    ['get', one, 200, async () => send('GET', await begun())],
    ['get', one, 404, () => send('GET', `default/simulations/${randomUUID()}`)],
    ['delete', one, 200, async () => send('DELETE', await begun())],
    ['delete', one, 404, () => send('DELETE', `default/simulations/${randomUUID()}`)],
  ];
}

import { LRUCache } from 'lru-cache';
import { detectorEndpointId } from '../contract/endpoint-id';
import type { ContentType } from '../contract/enums';
import type { DetectorRegistration } from '../contract/registration';
import { candidatesFor } from '../domain/select';
import type { Bundle } from '../policy/bundle';

/** A detector that a request may use, with the id under which health and breakers know it. */
export interface Candidate {
  readonly registration: DetectorRegistration;
  readonly endpointId: string;
}

const rememberedLists = 1000;

/** Who may be asked, in plan order; settled once as long as registry and bundle stay as they are. */
export class Candidates {
  readonly #lists = new WeakMap<readonly DetectorRegistration[], LRUCache<string, readonly Candidate[]>>();

  of(
    registrations: readonly DetectorRegistration[],
    bundle: Bundle,
    contentType: ContentType,
  ): readonly Candidate[] {
    let lists = this.#lists.get(registrations);
    if (!lists) {
      lists = new LRUCache({ max: rememberedLists });
      this.#lists.set(registrations, lists);
    }
    const key = `${bundle.digest} ${contentType}`;
    let list = lists.get(key);
    if (!list) {
      list = candidatesFor(contentType, bundle.policy, registrations).map((registration) => ({
        registration,
        endpointId: detectorEndpointId(registration),
      }));
      lists.set(key, list);
    }
    return list;
  }
}

import type { Member, RunInput } from '../contract/plan';
import type { Activities, ActivityCalls, RequestId, RunContext } from './types';

export interface Inputs {
  /** @throws when it is gone, or cannot be read now */
  of(run: RunContext): Promise<RunInput>;
  forget(runId: string): void;
}

/** Gives the activities what their calls only refer to. */
export function byReference(activities: Activities, inputs: Inputs): ActivityCalls {
  return {
    async detect({ run, detector: name, request_ids, ...rest }) {
      const input = await inputs.of(run);
      const { plan } = input;
      const detector = plan.detectors.find((planned) => planned.name === name);
      if (!detector) throw new Error('the plan has no such detector');
      const memberOf = membersOf(input);
      return activities.detect({ run, plan, detector, members: request_ids.map(memberOf), ...rest });
    },
    async decide({ run, members }) {
      const { plan } = await inputs.of(run);
      return activities.decide({ plan, members });
    },
    async map({ run, members }) {
      const input = await inputs.of(run);
      const memberOf = membersOf(input);
      return activities.map({
        run,
        plan: input.plan,
        members: members.map(({ request_id, ...rest }) => ({ ...rest, member: memberOf(request_id) })),
      });
    },
    async publish({ run, endings, partial = false }) {
      const input = await inputs.of(run);
      const memberOf = membersOf(input);
      const published = await activities.publish({
        run,
        plan: input.plan,
        endings: endings.map(({ request_id, ...rest }) => ({ ...rest, member: memberOf(request_id) })),
        partial,
      });
      if (!partial) inputs.forget(run.run_id);
      return published;
    },
  };
}

function membersOf({ members }: RunInput): (requestId: RequestId) => Member {
  const byId = new Map(members.map((member) => [member.request_id, member]));
  return (requestId) => {
    const member = byId.get(requestId);
    if (!member) throw new Error('the run has no such member');
    return member;
  };
}

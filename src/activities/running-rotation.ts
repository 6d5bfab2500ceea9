import { ApplicationFailure } from '@temporalio/activity';
import type { KeyRotationInput } from '../contract/key-rotation';
import type { KeyRotation } from '../contract/keys-api';
import type { KeyRotations } from '../store/key-rotations';

/** @throws ApplicationFailure `rotation_ended`, which is not retried */
export async function runningRotation(
  rotations: Pick<KeyRotations, 'find'>,
  { rotation_id: id }: KeyRotationInput,
): Promise<KeyRotation> {
  const rotation = await rotations.find(id);
  if (rotation?.status === 'running') return rotation;
  throw ApplicationFailure.nonRetryable('the rotation has ended', 'rotation_ended');
}

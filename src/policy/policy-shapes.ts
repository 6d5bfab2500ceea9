type Fields = Readonly<Record<string, unknown>>;

/** Brings the static fields of one shape into the next. */
type Step = (policy: Fields) => Fields;

/**
 * Steps by the shape that they start from. One that has been released is never changed: documents that passed it are
 * stored.
 */
const steps: Readonly<Record<number, Step>> = { 1: withLongNames };

/** Of the static fields as this release writes them. */
export const currentShape = 2;

/**
 * Static fields of an older shape as the current one has them.
 * @throws RangeError for a shape that this release does not know
 */
export function broughtUp(policy: Fields, shape: number, known = steps, current = currentShape): Fields {
  if (shape > current) {
    throw new RangeError(`shape ${shape} is of a later release; this one knows shapes up to ${current}`);
  }
  let raised = policy;
  for (let from = shape; from < current; from++) {
    const step = known[from];
    if (!step) throw new RangeError(`no step leads from shape ${from} to ${from + 1}`);
    raised = step(raised);
  }
  return raised;
}

const longMethods: Readonly<Record<string, string>> = {
  required: 'required_set',
  weighted: 'weighted_coverage',
  taxonomy: 'taxonomy_coverage',
};

/**
 * Shape 1 had short names of coverage methods (spec/orchestration.md 11, R3), and the required detectors could stand
 * under the coverage alone.
 */
function withLongNames(policy: Fields): Fields {
  const coverage = policy['coverage_calculation'];
  if (typeof coverage !== 'object' || coverage === null || Array.isArray(coverage)) return policy;
  const fields = coverage as Fields;
  const method = fields['calculation_method'];
  const required = policy['required_detectors'] ?? fields['required_detector_set'];
  return {
    ...policy,
    ...(required === undefined ? {} : { required_detectors: required }),
    coverage_calculation: {
      ...fields,
      ...(typeof method === 'string' ? { calculation_method: longMethods[method] ?? method } : {}),
    },
  };
}

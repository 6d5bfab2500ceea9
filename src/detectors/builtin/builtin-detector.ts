/** One thing a builtin detector found. `start` (inclusive) and `end` (exclusive) are Unicode code points. */
export interface BuiltinFinding {
  readonly start: number;
  readonly end: number;
  /** Single token, at most 128 characters, no `|`: the label that the mapper's label file knows. */
  readonly label: string;
  /** Family of the label, e.g. `pii`: the Detectors API's `detection_type`. */
  readonly type: string;
  /** Calibrated strength in [0, 1]. */
  readonly score: number;
}

/** Per-call settings a registration may pass (`detector_params` on the wire); each detector validates its own. */
export type DetectorParams = Readonly<Record<string, unknown>>;

/**
 * A detector that runs inside the builtin detector service (design.md 8). It is pure with respect to its input:
 * same text and params, same findings, sorted by `start`. An empty list means the text was judged and is clean.
 */
export interface BuiltinDetector {
  readonly name: string;
  readonly version: string;
  /** Longest text in code points that is judged in one call. */
  readonly maxContentLength: number;
  /** Canonical categories its labels can lead to (spec/orchestration.md 1.10, taxonomy_categories). */
  readonly taxonomyCategories: readonly string[];
  /** It waits and computes nothing: a worker thread would only be taken from those that judge. */
  readonly waits?: true;
  /** Its content is an image in base64, and its model is kept in a thread of its own. Default: text. */
  readonly looksAt?: 'image';
  detect(text: string, params?: DetectorParams): BuiltinFinding[] | Promise<BuiltinFinding[]>;
}

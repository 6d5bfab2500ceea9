/** Detectors as the mocks serve them: any id is one, and an id that ends in `-hung` never answers. */
export type DetectorId = 'mock-a' | 'mock-b' | 'mock-c' | 'mock-d' | 'mock-hung';

export const detectorIds = ['mock-a', 'mock-b', 'mock-c', 'mock-d'] as const satisfies readonly DetectorId[];
const oneHung = ['mock-a', 'mock-b', 'mock-c', 'mock-hung'] as const satisfies readonly DetectorId[];

/** The policy bundles of bench/fixtures/policies and the detectors each requires. */
const bundles = {
  bench: detectorIds,
  'bench-mapped': detectorIds,
  'bench-hung': oneHung,
  'bench-hung-sync': oneHung,
} as const satisfies Record<string, readonly DetectorId[]>;

export type BundleName = keyof typeof bundles;
export const bundleNames = Object.keys(bundles) as [BundleName, ...BundleName[]];

export function detectorsOf(bundle: BundleName): readonly DetectorId[] {
  return bundles[bundle];
}

import type { BuiltinDetector } from './builtin-detector';
import { dangerousCodeDetector } from './dangerous-code';
import { demoEchoDetector, demoPiiDetector, demoSlowDetector, demoToxicityDetector } from './demo';
import { imageSafetyDetector } from './image-safety';
import { languageDetector } from './language';
import { piiDetector } from './pii';
import { promptInjectionDetector } from './prompt-injection';
import { secretsDetector } from './secrets';
import { toxicityDetector } from './toxicity';

/** Every detector that runs inside the product, by name. */
export const builtinDetectors: ReadonlyMap<string, BuiltinDetector> = new Map(
  [
    dangerousCodeDetector,
    demoEchoDetector,
    demoPiiDetector,
    demoSlowDetector,
    demoToxicityDetector,
    imageSafetyDetector,
    languageDetector,
    piiDetector,
    promptInjectionDetector,
    secretsDetector,
    toxicityDetector,
  ].map((detector) => [detector.name, detector]),
);

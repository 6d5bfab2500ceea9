import { root } from './bootstrap.mjs';
import { billOfMaterials } from './lib/sbom.mjs';

// npm run --silent sbom > sbom.json: what a deployment consists of, as CycloneDX.

console.log(JSON.stringify(billOfMaterials(root, '--omit=dev'), null, 2));

import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';

const classes = ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy'] as const;
/** What the model says of an image: a probability for each of its classes, which add up to 1. */
export type ClassScores = Readonly<Record<(typeof classes)[number], number>>;

export interface ImageModel {
  /** @param pixels of a square image of {@link inputSize}, three bytes each */
  classify(pixels: Uint8Array): Promise<ClassScores>;
}

export const inputSize = 224;
const channels = 3;
const brightest = 255;
let loaded: Promise<ImageModel> | undefined;

/** The MobileNetV2 that nsfwjs brings in its package: nothing is fetched. A failed load is tried again by the next call. */
export function imageModel(): Promise<ImageModel> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

/** Loaded by the first call only: the threads that judge text shall not carry it. */
async function load(): Promise<ImageModel> {
  const tf = await import('@tensorflow/tfjs-core');
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  await tf.setBackend('wasm');
  const net = await loadGraphModel({ load: shippedModel });
  return {
    async classify(pixels) {
      const values = Float32Array.from(pixels, (value) => value / brightest);
      const said = tf.tidy(() =>
        net.predict(tf.tensor(values, [1, inputSize, inputSize, channels])),
      ) as ReturnType<typeof tf.tensor>;
      try {
        const scores = await said.data();
        return Object.fromEntries(classes.map((name, index) => [name, scores[index] ?? 0])) as ClassScores;
      } finally {
        said.dispose();
      }
    },
  };
}

interface ModelFile {
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: string[];
    readonly weights: io.WeightsManifestEntry[];
  }[];
}

/** The package keeps its models in files beside its main one: a description, and weights in base64. */
async function shippedModel(): Promise<io.ModelArtifacts> {
  const main = require.resolve('nsfwjs');
  const folder = join(dirname(main), 'models', 'mobilenet_v2_mid');
  const read = createRequire(main);
  const { modelTopology, weightsManifest } = read(join(folder, 'model.min.js')) as ModelFile;
  const weights = weightsManifest
    .flatMap(({ paths }) => paths)
    .map((shard) => Buffer.from(read(join(folder, `${shard}.min.js`)) as string, 'base64'));
  return {
    modelTopology,
    weightSpecs: weightsManifest.flatMap(({ weights: specs }) => specs),
    weightData: new Uint8Array(Buffer.concat(weights)).buffer,
  };
}

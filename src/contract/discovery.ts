import { z } from 'zod';
import { nameSchema } from './text';

const scheme = z.enum(['http', 'https']).default('http');
const port = z.int().min(1).max(65_535);
/** What all detectors that are found so have in common: fields of a registration. */
const detector = z.record(z.string(), z.json()).default({});

const dnsSchema = z.strictObject({
  type: z.literal('dns'),
  record: z.string().min(1).max(253),
  /** `srv`: each target is a detector, named by the first label of its host; `a`: the host is one. */
  records: z.enum(['srv', 'a']).default('srv'),
  /** Of the detector behind a host; default: its first label. */
  name: nameSchema.optional(),
  port: port.default(80),
  scheme,
  interval_seconds: z.number().min(1).max(3600).default(30),
  detector,
});
export type DnsDiscovery = z.output<typeof dnsSchema>;

const kubernetesSchema = z.strictObject({
  type: z.literal('kubernetes'),
  namespace: z.string().regex(/^[a-z0-9-]{1,63}$/, 'must be the name of a namespace'),
  /** Of the services; the value of label `conclave.dev/detector` is the detector's name. */
  label_selector: z.string().default('conclave.dev/detector'),
  /** Default: from inside the cluster. */
  api_url: z.url().optional(),
  token_path: z.string().default('/var/run/secrets/kubernetes.io/serviceaccount/token'),
  ca_path: z.string().default('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'),
  scheme,
  detector,
});
export type KubernetesDiscovery = z.output<typeof kubernetesSchema>;

/** Where detectors are looked for (spec/orchestration.md 9.5). */
export const discoverySchema = z.discriminatedUnion('type', [dnsSchema, kubernetesSchema]);

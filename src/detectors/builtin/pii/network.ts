import { isIPv4, isIPv6 } from 'node:net';
import type { Recognizer } from './recognizer';

/** `version 1.2.3.4`, `Chrome/120.0.6099.109`, `section 2.1.4.3`: four numbers with dots that are no address. */
const VERSION_BEFORE =
  /(?:(?<![a-z])(?:v|ver|version|versions|release|rel|build|firmware|driver|sdk|upgraded?|updated?|patch|section|chapter|clause|article|figure|table|oid|kernel|runtime)(?:\s(?:to|from|version|no\.?|number))?\.?\s?[:=#]?\s?["'(v]?|[a-z_-]\/|§\s?|[\^~<>]=?\s?|==\s?)$/i;

/** Addresses that every machine shares say nothing about anyone. */
const isPersonalIpv4 = (value: string): boolean =>
  isIPv4(value) && !/^(?:0\.|127\.|255\.255\.|22[4-9]\.|2[34]\d\.)/.test(value);

/** `a::b` is IPv6 by the letter and a C++ name by sight: ask for a group of four or for three colons. */
const isPersonalIpv6 = (value: string): boolean =>
  isIPv6(value) &&
  !/^[0:]+[01]?$/.test(value) &&
  /\d/.test(value) &&
  (/[0-9a-f]{4}/i.test(value) || /:.*:.*:/.test(value));

const isSomeMac = (value: string): boolean => !/^(?:0+|f+)$/i.test(value.replace(/[^0-9a-f]/gi, ''));
const isSomeDashedMac = (value: string): boolean => isSomeMac(value) && /[a-f]/i.test(value);

export const networkRecognizers: readonly Recognizer[] = [
  {
    label: 'ip_address',
    pattern: /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d|(?<=\.0)\/\d)/g,
    accepts: isPersonalIpv4,
    notAfter: VERSION_BEFORE,
    alone: 0.85,
  },
  {
    label: 'ip_address',
    pattern: /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)/gi,
    accepts: isPersonalIpv6,
    alone: 0.9,
  },
  {
    label: 'mac_address',
    pattern: /(?<![\w:-])[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![\w-]|:\w)/gi,
    accepts: isSomeMac,
    alone: 0.9,
  },
  {
    label: 'mac_address',
    pattern: /(?<![\w:-])[0-9a-f]{2}(?:-[0-9a-f]{2}){5}(?![\w-]|:\w)/gi,
    accepts: isSomeDashedMac,
    alone: 0.85,
  },
  {
    label: 'mac_address',
    pattern: /(?<![\w.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w-]|\.\w)/gi,
    accepts: isSomeDashedMac,
    alone: 0.8,
  },
];

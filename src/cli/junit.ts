/** One case of a JUnit report; `fault` makes it a failure. */
export interface JunitCase {
  readonly name: string;
  readonly fault?: { readonly type: string; readonly message: string; readonly file?: string };
}

export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

/** The form that CI systems read. */
export function junitXml(suites: readonly JunitSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="conclave policy" ${counts(all)}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite name="${escaped(name)}" ${counts(cases)}>`,
      ...cases.flatMap((one) => caseLines(name, one)),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n');
}

function counts(cases: readonly JunitCase[]): string {
  return `tests="${cases.length}" failures="${cases.filter(({ fault }) => fault).length}" errors="0"`;
}

function caseLines(suite: string, { name, fault }: JunitCase): string[] {
  const file = fault?.file === undefined ? '' : ` file="${escaped(fault.file)}"`;
  const head = `    <testcase classname="${escaped(suite)}" name="${escaped(name)}"${file}`;
  if (!fault) return [`${head}/>`];
  const { type, message } = fault;
  return [
    `${head}>`,
    `      <failure type="${escaped(type)}" message="${escaped(message)}">${escaped(message)}</failure>`,
    '    </testcase>',
  ];
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML has no place for control characters, however they are written. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
    .replaceAll(/[&<>"']/g, (character) => entities[character]!)
    .replaceAll('\n', '&#10;');
}

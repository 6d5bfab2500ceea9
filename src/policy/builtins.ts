/**
 * Rego builtins a policy may call: those that OPA compiles into the module itself, and `sprintf`, which the evaluator
 * brings. All the others would trap when called, or reach for the network, the clock or chance; the compiler refuses
 * them by name (spec/orchestration.md 9.3, Isolation).
 */
export const allowedBuiltins: ReadonlySet<string> = new Set([
  // language
  ...['assign', 'eq', 'equal', 'neq', 'lt', 'lte', 'gt', 'gte', 'internal.member_2', 'internal.member_3'],
  ...['internal.print', 'print', 'internal.template_string', 'internal.test_case', 'walk'],
  ...['rego.metadata.chain', 'rego.metadata.rule'],
  // numbers and bits
  ...[
    'abs',
    'ceil',
    'div',
    'floor',
    'format_int',
    'max',
    'min',
    'minus',
    'mul',
    'numbers.range',
    'plus',
    'product',
  ],
  ...['rem', 'round', 'sum', 'to_number'],
  ...['bits.and', 'bits.lsh', 'bits.negate', 'bits.or', 'bits.rsh', 'bits.xor'],
  // collections
  ...['and', 'array.concat', 'array.flatten', 'array.reverse', 'array.slice', 'count', 'graph.reachable'],
  ...[
    'intersection',
    'json.filter',
    'json.remove',
    'object.filter',
    'object.get',
    'object.keys',
    'object.remove',
  ],
  ...['object.union', 'object.union_n', 'or', 'set_diff', 'sort', 'union'],
  // types
  ...['is_array', 'is_boolean', 'is_null', 'is_number', 'is_object', 'is_set', 'is_string', 'type_name'],
  // strings
  ...[
    'concat',
    'contains',
    'endswith',
    'glob.match',
    'indexof',
    'lower',
    'replace',
    'split',
    'sprintf',
    'startswith',
  ],
  ...[
    'regex.find_all_string_submatch_n',
    'regex.is_valid',
    'regex.match',
    'strings.replace_n',
    'strings.reverse',
  ],
  ...['substring', 'trim', 'trim_left', 'trim_prefix', 'trim_right', 'trim_space', 'trim_suffix', 'upper'],
  // encodings and addresses
  ...['base64.decode', 'base64.encode', 'base64.is_valid', 'base64url.decode', 'base64url.encode'],
  ...['json.is_valid', 'json.marshal', 'json.unmarshal', 'net.cidr_contains', 'net.cidr_intersects'],
]);

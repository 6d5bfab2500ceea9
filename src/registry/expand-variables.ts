const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Fills `${NAME}` and `${NAME:-fallback}` into the strings of a document (spec/gateway.md 2).
 * @param unset told of each variable that has neither value nor fallback, with the path of the string
 */
export function expandVariables(
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  unset: (path: readonly PropertyKey[], name: string) => void,
  path: readonly PropertyKey[] = [],
): unknown {
  if (typeof value === 'string') {
    return value.replace(variable, (_whole, name: string, fallback: string | undefined) => {
      const filled = environment[name] ?? fallback;
      if (filled === undefined) unset(path, name);
      return filled ?? '';
    });
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => expandVariables(item, environment, unset, [...path, index]));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      expandVariables(item, environment, unset, [...path, key]),
    ]),
  );
}

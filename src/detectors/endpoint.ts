/** A protocol's own path under the address of a registration, which may have a path and a query of its own. */
export function under(endpoint: string, path: string, query: Readonly<Record<string, string>> = {}): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

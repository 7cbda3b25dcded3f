// Places in the part of the address behind `#`: any path prefix works, and every name is encoded.

export interface Route {
  page: string;
  parts: string[];
  query: Record<string, string>;
}

/** href('queues', vhost, name) -> "#/queues/%2F/name" */
export function href(page: string, ...parts: string[]): string {
  return `#/${[...page.split('/'), ...parts].map(encodeURIComponent).join('/')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...parts] = path.split('/').map(decoded);
  // A query is written by withQuery only: the last value counts.
  return { page: page || 'overview', parts, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function withQuery(hash: string, values: Record<string, string | undefined>): string {
  const route = parse(hash);
  const search = new URLSearchParams(route.query);
  for (const [name, value] of Object.entries(values)) {
    if (value) search.set(name, value);
    else search.delete(name);
  }
  const text = search.toString();
  return href(route.page, ...route.parts) + (text ? `?${text}` : '');
}

// What a user may see and do, by tags (RabbitMQ page "Management", section Access and Permissions).

export type Tag = 'management' | 'policymaker' | 'monitoring' | 'administrator';

export function tagsOf(tags: string[] | string | undefined): string[] {
  return typeof tags === 'string'
    ? tags
        .split(',')
        .map((tag) => tag.trim())
        .filter(Boolean)
    : (tags ?? []);
}

/** Whether one of the tags is this one, or implies it. */
export function may(tags: string[], needed: Tag): boolean {
  if (tags.includes('administrator')) return true;
  if (needed === 'management')
    return tags.some((tag) => ['management', 'policymaker', 'monitoring'].includes(tag));
  return tags.includes(needed);
}

/** A tenant, as tokens and signals name it: `account_id` and `project_id`. */
export interface TenantOf {
  readonly accountId: string
  readonly projectId: string
}

/**
 * One key for a tenant. Ids may hold any printable character, so the length of the first keeps two
 * tenants from sharing a key.
 *
 * @param tenant whose
 */
export function tenantKey({ accountId, projectId }: TenantOf): string {
  return `${accountId.length}:${accountId}${projectId}`
}

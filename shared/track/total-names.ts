/** The totals a campaign (or, for plain links, a workspace) has: one item each, named by its sort key. */
export const totalNames = {
  campaign: 'CAMPAIGN',
  hour: (t: number): string => `HOUR#${new Date(t).toISOString().slice(0, 13)}`,
  link: (kind: string, host: string, slug: string): string => `LINK#${kind}#${host}#${slug}`,
  segment: (name: string, value: string): string => `SEG#${name}=${value}`,
} as const

export type TotalFields = Record<string, number>

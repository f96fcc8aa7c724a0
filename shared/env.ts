/**
 * Every environment variable the functions read. `stacks/` sets them on AWS, `local/` on one machine. A value that is
 * missing or not usable is said by name.
 */
export type TableName = 'facts' | 'totals' | 'directory' | 'ephemera'
export type QueueName = 'turns' | 'spill'

const source = process.env

function need(name: string): string {
  const value = source[name]
  if (!value) throw new Error(`${name} is not set. The local server and the stacks set it; see shared/env.ts.`)
  return value
}

export const env = {
  /** Physical name of a table: FACTS_TABLE, TOTALS_TABLE, DIRECTORY_TABLE, EPHEMERA_TABLE. */
  table: (name: TableName): string => need(`${name.toUpperCase()}_TABLE`),
  /** TURNS_QUEUE_URL, SPILL_QUEUE_URL. */
  queueUrl: (name: QueueName): string => need(`${name.toUpperCase()}_QUEUE_URL`),
  /** Where people open links, without a trailing slash: https://pass.example.org */
  publicUrl: (): string => need('PUBLIC_URL').replace(/\/+$/, ''),
  region: (): string => source.AWS_REGION ?? 'eu-west-3',
  /** Only on one machine; on AWS the SDK finds the service itself. */
  dynamodbEndpoint: (): string | undefined => source.DYNAMODB_ENDPOINT || undefined,
  sqsEndpoint: (): string | undefined => source.SQS_ENDPOINT || undefined,
  /** Where X's API is: sandbox X unless credentials are configured. */
  xApiUrl: (): string => source.X_API_URL ?? 'https://api.x.com',
  xClientId: (): string | undefined => source.X_CLIENT_ID || undefined,
  xClientSecret: (): string | undefined => source.X_CLIENT_SECRET || undefined,
  /** How long one call to X may take; past it the outcome is unknown. */
  xTimeoutMs: (): number => Number(source.X_TIMEOUT_MS ?? 10_000),
  /** VAULT_KEY_ID, a KMS key, on AWS; VAULT_KEY_FILE on one machine. */
  vault: (): { keyId: string; region: string } | { keyFile: string } =>
    source.VAULT_KEY_ID ? { keyId: source.VAULT_KEY_ID, region: env.region() } : { keyFile: need('VAULT_KEY_FILE') },
} as const

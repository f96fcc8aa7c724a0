/**
 * What a request says about its visitor, read once and used for the class, the visitor hash and the hit. Also for a
 * press on the relay page:
 *
 *     const visit = readVisit(event)
 *     const bot = classify({ ...visit, t, sentAt: link.sentAt })
 *     const visitor = visitorHash(await salts.of(t), host, visit.ip, visit.userAgent)
 */
import type { Request } from './classify.ts'

export interface Visit extends Request {
  ip: string
  operator: boolean
}

/** The part of API Gateway's event (payload 2.0) that tells who asks. */
export interface VisitEvent {
  rawQueryString: string
  headers: Record<string, string | undefined>
  requestContext: { http: { method: string; sourceIp: string } }
}

/** An operator who tries their own links adds this, and their hits are kept but not counted. */
export const operatorMark = 'pa_me=1'

export function readVisit(event: VisitEvent): Visit {
  const { method, sourceIp } = event.requestContext.http
  const { headers } = event
  return { method, headers, userAgent: headers['user-agent'] ?? '', ip: sourceIp, operator: isOperator(event) }
}

function isOperator({ rawQueryString }: VisitEvent): boolean {
  return rawQueryString !== '' && rawQueryString.split('&').includes(operatorMark)
}

/** What a visitor reads when a link does not redirect: a few hundred bytes, French or English, nothing to fetch. */

export type Refusal = 'not_found' | 'gone' | 'unavailable' | 'method_not_allowed'

export interface Page {
  statusCode: number
  headers: Record<string, string>
  body: string
}

interface Words {
  statusCode: number
  fr: string
  en: string
  headers?: Record<string, string>
}

const refusals: Record<Refusal, Words> = {
  not_found: { statusCode: 404, fr: 'Ce lien n’existe pas.', en: 'This link does not exist.' },
  gone: { statusCode: 410, fr: 'Ce lien n’est plus actif.', en: 'This link is no longer active.' },
  unavailable: {
    statusCode: 503,
    fr: 'Ce lien est momentanément indisponible. Réessayez dans quelques secondes.',
    en: 'This link is unavailable for a moment. Please try again in a few seconds.',
    headers: { 'retry-after': '5' },
  },
  method_not_allowed: {
    statusCode: 405,
    fr: 'Un lien s’ouvre, rien d’autre.',
    en: 'A link can be opened, nothing else.',
    headers: { allow: 'GET, HEAD' },
  },
}

export function refusalPage(refusal: Refusal, acceptLanguage: string | undefined): Page {
  const { statusCode, headers, ...words } = refusals[refusal]
  const language = preferredLanguage(acceptLanguage)
  return {
    statusCode,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'cache-control': 'private, no-store',
      'x-robots-tag': 'noindex',
      ...headers,
    },
    body: html(language, words[language]),
  }
}

/** Whichever of the two the browser lists first; lists are written in order of preference. */
function preferredLanguage(acceptLanguage = ''): 'fr' | 'en' {
  return /(?:^|,)\s*(fr|en)\b/i.exec(acceptLanguage)?.[1]?.toLowerCase() === 'fr' ? 'fr' : 'en'
}

const html = (language: string, words: string): string =>
  `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">` +
  `<title>${words}</title><body style="font:1.1rem/1.5 system-ui;max-width:30rem;margin:20vh auto;padding:0 1rem">` +
  `<p>${words}</p></body></html>\n`

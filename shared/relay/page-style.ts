/**
 * The one style sheet of the relay pages, and the CSP source that lets exactly it through. Phone first; light and dark
 * as the device asks; nothing is fetched.
 */
import { createHash } from 'node:crypto'

export const pageStyle = `
:root{color-scheme:light dark;--paper:#fbf9f5;--card:#fff;--ink:#1c2333;--muted:#565e6e;--line:#dcd6ca;--edge:#868c99;--act:#17705f;--on:#fff;--soft:#e9f3f0;--bad:#a3241a}
@media(prefers-color-scheme:dark){:root{--paper:#14181f;--card:#1c222c;--ink:#eceef2;--muted:#a7afbd;--line:#323a47;--edge:#727b8a;--act:#5cc9b1;--on:#0b1f1a;--soft:#1b2f2e;--bad:#ff9d92}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:36rem;margin:0 auto;padding:1.75rem 1.25rem 2.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .75rem;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 1rem;text-wrap:pretty}
.from,.hint,footer{color:var(--muted);font-size:.9rem}
.from{margin:0 0 .15rem}
.lead{font-size:1.1rem}
.page{display:flex;flex-direction:column;gap:.1rem;padding:.9rem 1.1rem;margin:0 0 1.5rem;background:var(--card);border:1px solid var(--line);border-left:4px solid var(--act);border-radius:.75rem;color:inherit;text-decoration:none}
.page strong{font-size:1.02rem}
.page span{color:var(--muted);font-size:.9rem}
.page em{font-style:normal;font-weight:600;color:var(--act);font-size:.95rem;margin-top:.35rem}
label,h2{display:block;font-size:1rem;font-weight:600;margin:0 0 .4rem}
textarea,.copy{display:block;width:100%;padding:.75rem .9rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--edge);border-radius:.75rem}
textarea{min-height:7.5rem;resize:vertical}
.copy{margin:0 0 .4rem;white-space:pre-wrap;user-select:all;-webkit-user-select:all;font-size:.95rem}
.hint{margin:.4rem 0 1.25rem}
button,.go{display:flex;align-items:center;justify-content:center;width:100%;min-height:3.25rem;padding:.6rem .5rem;font:inherit;font-weight:600;line-height:1.25;text-align:center;text-decoration:none;border-radius:.75rem;border:1px solid var(--edge);background:var(--card);color:var(--ink);cursor:pointer}
.main{background:var(--act);border-color:var(--act);color:var(--on)}
.more{display:grid;grid-template-columns:1fr 1fr;gap:.6rem;margin:.6rem 0 0}
.more :last-child:nth-child(odd){grid-column:1/-1}
.quiet{display:grid;grid-template-columns:1fr 1fr;gap:.6rem;margin:1.5rem 0 0;padding:1.25rem 0 0;border-top:1px solid var(--line)}
.quiet :only-child{grid-column:1/-1}
.quiet>*{background:none;border-color:transparent;color:var(--muted);font-weight:500;text-decoration:underline;text-underline-offset:.2em;padding:.6rem .25rem}
.count+h2{margin-top:1.5rem}
.count{padding:.8rem 1.1rem;margin:1.5rem 0 0;background:var(--soft);border-radius:.75rem;font-weight:600}
.error{color:var(--bad);font-weight:600}
footer{margin:1.5rem 0 0}
button:hover,.go:hover,.page:hover{border-color:var(--ink)}
:focus-visible{outline:3px solid var(--act);outline-offset:3px}
@media(min-width:48rem){main{padding-top:4rem}}
`

/** For `style-src` in the Content-Security-Policy. */
export const styleHash = `'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'`

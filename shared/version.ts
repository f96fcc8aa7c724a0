/** The release, as in package.json (a test compares): a bundle on AWS has no package.json beside it. */
export const version = '0.1.0'

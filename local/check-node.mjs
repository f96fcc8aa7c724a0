/**
 * Runs before everything (`node --import`), and runs on old versions too: on the platforms whose Node 24 comes from
 * npm the scripts have it on their path already; elsewhere the machine's own must do.
 */
const least = 24
if (Number(process.versions.node.split('.')[0]) < least) {
  console.error(
    `Passalong did not start.\nIt runs on Node ${least} or later; this is ${process.version} on ${process.platform} ${process.arch}.\n` +
      `Install Node ${least} from nodejs.org, or, on Linux and Windows x64, run npm ci without --omit=optional.`,
  )
  process.exit(1)
}

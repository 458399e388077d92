import process from 'node:process'
import { join } from 'node:path'
import { Command } from 'commander'
import { checkApi } from './api/check-api.ts'
import { checkArchitecture } from './architecture/check-architecture.ts'
import { checkDocs } from './docs/check-docs.ts'
import { formatFinding, type Finding } from './finding.ts'
import { checkMatrix } from './matrix/check-matrix.ts'
import { checkPackages } from './packages/check-packages.ts'

const root = join(import.meta.dirname, '..', '..', '..')

function conclude(findings: readonly Finding[]): void {
  for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`)
  if (findings.length > 0) process.exitCode = 1
}

const program = new Command('checks').description('Checks of this workspace that no linter makes.')

program
  .command('architecture')
  .description('arrows between packages: manifests and imports')
  .action(() => conclude(checkArchitecture(root)))

program
  .command('docs')
  .description('READMEs, error codes, examples shown in documents')
  .action(() => conclude(checkDocs(root)))

program
  .command('packages')
  .description('what would be published: publint, attw and the files of each tarball')
  .action(async () => conclude(await checkPackages(root)))

program
  .command('api')
  .description('the committed API report of each entry point')
  .option('--update', 'write the reports instead of comparing with them')
  .action((options: { readonly update?: boolean }) =>
    conclude(checkApi(root, { update: options.update ?? false })),
  )

program
  .command('matrix')
  .description('the table of transports in the README, from what the conformance suite ran')
  .option('--update', 'write the table instead of comparing with it')
  .action((options: { readonly update?: boolean }) =>
    conclude(checkMatrix(root, { update: options.update ?? false })),
  )

await program.parseAsync()

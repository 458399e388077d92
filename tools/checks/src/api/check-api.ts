import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
} from '@microsoft/api-extractor'
import type { Finding } from '../finding.ts'
import { publishable, readWorkspace, type WorkspacePackage } from '../workspace.ts'
import { entryPoints, type EntryPoint } from './entry-points.ts'

interface ApiOptions {
  /** Write the reports instead of comparing with them. */
  readonly update: boolean
}

/** Compares the declarations of every published entry point with its committed report, `api/<name>.api.md` of its package. */
export function checkApi(root: string, options: ApiOptions): readonly Finding[] {
  return publishable(readWorkspace(root)).flatMap((each) =>
    entryPoints(each.manifest).flatMap((entry) => checkEntry(each, entry, options)),
  )
}

function checkEntry(each: WorkspacePackage, entry: EntryPoint, { update }: ApiOptions): readonly Finding[] {
  const report = `api/${entry.reportName}.api.md`
  const object = (message: string): readonly Finding[] => [
    { rule: 'api', file: `${each.path}/${report}`, message },
  ]
  if (!existsSync(join(each.folder, entry.declarations)))
    return object(`${entry.declarations} is missing: build first`)
  if (update) mkdirSync(join(each.folder, 'api'), { recursive: true })
  else if (!existsSync(join(each.folder, report)))
    return object('the report is missing: `pnpm api` writes it')

  const problems: string[] = []
  const result = Extractor.invoke(configure(each, entry), {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true
      if (isProblem(message)) problems.push(message.formatMessageWithLocation(each.folder))
    },
  })
  if (problems.length > 0)
    return object(`the public declarations do not hold together:\n${problems.join('\n')}`)
  if (result.apiReportChanged && !update) {
    return object(
      'the public API is not what the report says. If that is meant, run `pnpm api`, read the difference, and commit it',
    )
  }
  return []
}

/** The differences of a report come as console output of the extractor and are told by `apiReportChanged`. */
function isProblem(message: ExtractorMessage): boolean {
  return message.logLevel === ExtractorLogLevel.Error
}

function configure(each: WorkspacePackage, entry: EntryPoint): ExtractorConfig {
  const reportFolder = join(each.folder, 'api')
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(each.folder, 'package.json'),
    ignoreMissingEntryPoint: false,
    configObject: {
      projectFolder: each.folder,
      mainEntryPointFilePath: join(each.folder, entry.declarations),
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2023',
            lib: ['es2023', 'esnext.disposable'],
            module: 'nodenext',
            moduleResolution: 'nodenext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          files: [join(each.folder, entry.declarations)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: entry.reportName,
        // A type that is reachable but not exported is public all the same: its changes show in the report too.
        includeForgottenExports: true,
        reportFolder,
        reportTempFolder: join(each.folder, 'node_modules', '.cache', 'api-extractor'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  })
}

/** `npx taskrunner`: the CLI, a client of the HTTP API. One file per command in `bin/commands/`. */
import { styleText } from 'node:util'
import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { CliError, EXIT } from './cli/failure.ts'
import { forTerminal } from './cli/screen.ts'
import { addAudit } from './commands/audit.ts'
import { addCancel } from './commands/cancel.ts'
import { addCircuits } from './commands/circuits.ts'
import { addCompletion } from './commands/completion.ts'
import { addDoctor } from './commands/doctor.ts'
import { addErase } from './commands/erase.ts'
import { addExplain } from './commands/explain.ts'
import { addGet } from './commands/get.ts'
import { addInspect } from './commands/inspect.ts'
import { addKeys } from './commands/keys.ts'
import { addLimits } from './commands/limits.ts'
import { addList } from './commands/list.ts'
import { addLogs } from './commands/logs.ts'
import { addMcp } from './commands/mcp.ts'
import { addPause } from './commands/pause.ts'
import { addPrices } from './commands/prices.ts'
import { addQueues } from './commands/queues.ts'
import { addRedrive } from './commands/redrive.ts'
import { addResume } from './commands/resume.ts'
import { addRetry } from './commands/retry.ts'
import { addSchedules } from './commands/schedules.ts'
import { addSubmit } from './commands/submit.ts'
import { addTop } from './commands/top.ts'
import { addUsage } from './commands/usage.ts'
import { addWatch } from './commands/watch.ts'
import { addWebhooks } from './commands/webhooks.ts'
import { addWorkflow } from './commands/workflow.ts'

const COMMANDS = [
  addSubmit,
  addGet,
  addWatch,
  addList,
  addCancel,
  addRetry,
  addExplain,
  addDoctor,
  addTop,
  addWorkflow,
  addSchedules,
  addInspect,
  addQueues,
  addCircuits,
  addPause,
  addResume,
  addRedrive,
  addWebhooks,
  addUsage,
  addPrices,
  addLogs,
  addMcp,
  addKeys,
  addLimits,
  addAudit,
  addErase,
  addCompletion,
]

const AFTER_HELP = `
Exit codes: 0 ok · 1 the task failed, or doctor found why tasks do not run · 2 bad usage · 3 not found
            4 refused · 5 unreachable · 6 still running when --give-up was over
Stage:      --base, --profile, TASKRUNNER_BASE, TASKRUNNER_PROFILE, else the local stage. Key: --key, the profile's,
            TASKRUNNER_KEY. Profiles: ~/.config/taskrunner/profiles.json {"dev": {"base": "https://…", "key": "…"}}`

/** Creates the program without running it; tests and shell completion use it. */
export function createProgram(): Command {
  const program = new Command('taskrunner')
    .description('Submit, follow and repair tasks of an Async AI Task Runner.')
    .version(packageJson.version, '-V, --version', 'print the version')
    .option('--base <url>', 'address of the stage, e.g. its output ApiUrl')
    .option('--key <key>', 'its API key')
    .option('--profile <name>', 'address and key from the profile file')
    .option('--json', 'answer in JSON')
    .option('--no-color', 'no colours; they are also off outside a terminal and with NO_COLOR')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: () => undefined })
    .exitOverride()
    .addHelpText('after', AFTER_HELP)
  for (const add of COMMANDS) add(program)
  program
    .command('version')
    .description('print the version')
    .action(() => console.log(packageJson.version))
  for (const command of program.commands) command.copyInheritedSettings(program)
  return program
}

/** Sets the exit code; the reason is written to stderr, in one line. */
export async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--no-color')) process.env.NO_COLOR = '1'
  const program = createProgram()
  const isJson = args.includes('--json')
  try {
    if (args.length === 0) program.help()
    await program.parseAsync(args, { from: 'user' })
  } catch (cause) {
    // Help was requested and has been printed.
    if (cause instanceof CommanderError && cause.exitCode === 0) return
    const failure = cause instanceof CommanderError ? new CliError(EXIT.usage, usageText(cause)) : cause
    if (!(failure instanceof CliError)) throw failure
    process.exitCode = failure.exitCode
    const text = isJson
      ? JSON.stringify({
          error: failure.message,
          exit_code: failure.exitCode,
          problem: failure.problem ?? null,
        })
      : styleText('red', failure.message.replace(/\s*\n\s*/g, ' '), { stream: process.stderr })
    process.stderr.write(`${forTerminal(text, process.stderr)}\n`)
  }
}

function usageText({ message }: CommanderError): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/^command-argument value '(.*)' is invalid for argument '(\w+)'\./, '"$1" is no <$2>.')
    .replace(/\s*\n\s*/g, ' ')
  return `${text}${/[.)]$/.test(text) ? '' : '.'} See: npx taskrunner --help`
}

// `taskrunner list | head` closes the pipe early; that is no failure.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code === 'EPIPE') process.exit(0)
  throw cause
})

if (
  import.meta.main ||
  process.argv[1]?.endsWith('taskrunner.mjs') ||
  process.argv[1]?.endsWith('/taskrunner')
)
  await main(process.argv.slice(2))

import { Argument, type Command } from 'commander'
import type { AddCommand } from '../cli/session.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export const addCompletion: AddCommand = (program) => {
  program
    .command('completion')
    .description('print a completion script: source <(npx taskrunner completion bash)')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(SCRIPTS[shell](wordsOf(program), valuesOf(program)))
    })
}

/** Words that can follow a command: its subcommands, its options, and values of its argument. */
export interface CommandWords {
  readonly name: string
  readonly does: string
  readonly words: readonly string[]
  readonly commands: readonly CommandWords[]
}

/** Options with known values, such as `--lane`, and the commands that have them. */
type Values = readonly {
  readonly flags: readonly string[]
  readonly values: readonly string[]
  readonly commands: readonly string[]
}[]

const longFlags = ({ options }: Command) => options.flatMap(({ long }) => (long ? [long] : []))

export function wordsOf(program: Command): readonly CommandWords[] {
  const everywhere = [...longFlags(program).filter((flag) => flag !== '--version'), '--help']
  const read = (command: Command): CommandWords => ({
    name: command.name(),
    does: command.description().replaceAll("'", '’'),
    words: [
      ...command.commands.map((own) => own.name()),
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      ...longFlags(command),
      ...everywhere,
    ],
    commands: command.commands.map(read),
  })
  return program.commands.map(read)
}

function valuesOf(program: Command): Values {
  const found = new Map<string, { flags: Set<string>; values: Set<string>; commands: Set<string> }>()
  for (const top of program.commands)
    for (const { long, short, argChoices } of [top, ...top.commands].flatMap(({ options }) => options)) {
      if (!long || !argChoices) continue
      const entry = found.get(long) ?? { flags: new Set(), values: new Set(), commands: new Set() }
      found.set(long, entry)
      entry.flags.add(long)
      if (short) entry.flags.add(short)
      entry.commands.add(top.name())
      for (const value of argChoices) entry.values.add(value)
    }
  return [...found.values()].map(({ flags, values, commands }) => ({
    flags: [...flags],
    values: [...values],
    commands: [...commands],
  }))
}

/** Subcommands, such as `keys create`, with their words. */
const nested = (commands: readonly CommandWords[]) =>
  commands.flatMap(({ name, commands: own }) =>
    own.map((below) => ({ ...below, path: [name, below.name] as const })),
  )

type Script = (commands: readonly CommandWords[], values: Values) => string

const bash: Script = (commands, values) => `_taskrunner() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words="${commands.map(({ name }) => name).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${commands.map(({ name, words }) => `      ${name}) words="${words.join(' ')}" ;;`).join('\n')}
    esac
  fi
  if [ "$COMP_CWORD" -gt 2 ]; then
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${nested(commands)
  .map(({ path, words }) => `      '${path.join(' ')}') words="${words.join(' ')}" ;;`)
  .join('\n')}
    esac
    case "\${COMP_WORDS[COMP_CWORD-1]}" in
${values.map(({ flags, values: known }) => `      ${flags.join('|')}) words="${known.join(' ')}" ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _taskrunner taskrunner
# Most type \`npx taskrunner\`: completed as if npx were not there; another npx is left to whatever completed it.
_npx_taskrunner() {
  if [ "\${COMP_WORDS[1]}" = taskrunner ]; then
    COMP_WORDS=("\${COMP_WORDS[@]:1}")
    COMP_CWORD=$((COMP_CWORD - 1))
    _taskrunner
  elif [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W taskrunner -- "\${COMP_WORDS[1]}"))
  fi
}
complete -o default -F _npx_taskrunner npx
`

const zsh: Script = (commands, values) => `#compdef taskrunner
# A shell without its completion system gets that first.
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_taskrunner() {
  if (( CURRENT == 2 )); then
    local -a names=(${commands.map(({ name, does }) => `'${name}:${does.replaceAll(':', '\\:')}'`).join(' ')})
    _describe command names
    return
  fi
  local -a found=()
  case "$words[2]" in
${commands.map(({ name, words }) => `    ${name}) found=(${words.join(' ')}) ;;`).join('\n')}
  esac
  (( CURRENT > 3 )) && case "$words[2] $words[3]" in
${nested(commands)
  .map(({ path, words }) => `    '${path.join(' ')}') found=(${words.join(' ')}) ;;`)
  .join('\n')}
  esac
  case "$words[CURRENT-1]" in
${values.map(({ flags, values: known }) => `    ${flags.join('|')}) found=(${known.join(' ')}) ;;`).join('\n')}
  esac
  compadd -- $found
}
compdef _taskrunner taskrunner
_npx_taskrunner() {
  if [[ "$words[2]" == taskrunner ]]; then
    shift words
    (( CURRENT -= 1 ))
    _taskrunner
  else
    compadd taskrunner
  fi
}
compdef _npx_taskrunner npx
`

/** Commands whose arguments may be files; for all others fish offers no files. */
const FILE_COMMANDS: readonly string[] = ['submit', 'workflow', 'schedules']
const files = (command: string): string => (FILE_COMMANDS.includes(command) ? '' : '-f ')

const fish: Script = (commands, values) => {
  const names = commands.map(({ name }) => name).join(' ')
  const seen = '__fish_seen_subcommand_from'
  const lines = commands.flatMap(({ name, does, words, commands: own }) => {
    const below = own.map((command) => command.name).join(' ')
    const self = below ? `${seen} ${name}; and not ${seen} ${below}` : `${seen} ${name}`
    return [
      `complete -c taskrunner -n __fish_use_subcommand -f -a ${name} -d '${does}'`,
      `complete -c taskrunner -n '${self}' ${files(name)}-a '${words.join(' ')}'`,
      `complete -c npx -n '${seen} taskrunner; and not ${seen} ${names}' -f -a ${name} -d '${does}'`,
      `complete -c npx -n '${seen} taskrunner; and ${self}' ${files(name)}-a '${words.join(' ')}'`,
      ...own.flatMap((command) => {
        const both = `${seen} ${name}; and ${seen} ${command.name}`
        return [
          `complete -c taskrunner -n '${both}' ${files(name)}-a '${command.words.join(' ')}'`,
          `complete -c npx -n '${seen} taskrunner; and ${both}' ${files(name)}-a '${command.words.join(' ')}'`,
        ]
      }),
    ]
  })
  for (const { flags, values: known, commands: having } of values) {
    const [long = '', short] = flags
    const where = `${seen} ${having.join(' ')}`
    const option = `-l ${long.replace(/^--/, '')}${short ? ` -s ${short.slice(1)}` : ''} -x -a '${known.join(' ')}'`
    lines.push(
      `complete -c taskrunner -n '${where}' ${option}`,
      `complete -c npx -n '${seen} taskrunner; and ${where}' ${option}`,
    )
  }
  return `complete -c taskrunner -n __fish_use_subcommand -f
${lines.join('\n')}
complete -c npx -f -a taskrunner -n __fish_use_subcommand
`
}

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], Script>> = { bash, zsh, fish }

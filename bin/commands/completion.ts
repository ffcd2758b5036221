import { Argument, type Command } from 'commander'
import type { AddCommand } from '../cli/session.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `completion`: a script for the shell, made from the commands themselves. */
export const addCompletion: AddCommand = (program) => {
  program
    .command('completion')
    .description('print a completion script: source <(npx taskrunner completion bash)')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(SCRIPTS[shell](wordsOf(program)))
    })
}

/** Command → its options, and the words its argument may be. */
type Words = readonly { readonly name: string; readonly does: string; readonly words: readonly string[] }[]

const flags = (command: Command) => command.options.flatMap(({ long }) => (long ? [long] : []))

export const wordsOf = (program: Command): Words =>
  program.commands.map((command) => ({
    name: command.name(),
    does: command.description().replaceAll("'", '’'),
    words: [
      ...command.commands.map((inner) => inner.name()),
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      ...new Set([command, ...command.commands].flatMap(flags)),
      ...flags(program).filter((flag) => flag !== '--version'),
      '--help',
    ],
  }))

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (commands: Words) => string>> = {
  bash: (commands) => `_taskrunner() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words="${commands.map(({ name }) => name).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${commands.map(({ name, words }) => `      ${name}) words="${words.join(' ')}" ;;`).join('\n')}
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
`,
  zsh: (commands) => `#compdef taskrunner
_taskrunner() {
  if (( CURRENT == 2 )); then
    local -a names=(${commands.map(({ name, does }) => `'${name}:${does.replaceAll(':', '\\:')}'`).join(' ')})
    _describe command names
    return
  fi
  case "$words[2]" in
${commands.map(({ name, words }) => `    ${name}) compadd -- ${words.join(' ')} ;;`).join('\n')}
  esac
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
`,
  fish: (commands) =>
    `complete -c taskrunner -n __fish_use_subcommand -f
${commands
  .flatMap(({ name, does, words }) => [
    `complete -c taskrunner -n __fish_use_subcommand -f -a ${name} -d '${does}'`,
    `complete -c taskrunner -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
    `complete -c npx -n '__fish_seen_subcommand_from taskrunner; and not __fish_seen_subcommand_from ${commands.map((other) => other.name).join(' ')}' -f -a ${name} -d '${does}'`,
    `complete -c npx -n '__fish_seen_subcommand_from taskrunner; and __fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
  ])
  .join('\n')}
complete -c npx -f -a taskrunner -n __fish_use_subcommand
`,
}

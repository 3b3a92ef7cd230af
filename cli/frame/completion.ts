// Completion for bash, zsh and fish. The shells' own part only asks `signalbox complete`, so that
// it need not be made again when commands change.
import { Argument, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Io } from "../usage.ts";
import { command } from "./command.ts";

const scripts = {
  bash: `_signalbox() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(signalbox complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _signalbox signalbox`,
  zsh: `#compdef signalbox
_signalbox() {
  local -a answers
  answers=("\${(@f)$(signalbox complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$answers[1]" ]]; then compadd -a answers; else _files; fi
}
compdef _signalbox signalbox`,
  fish: `complete -c signalbox -f -a '(signalbox complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
} as const;
type Shell = keyof typeof scripts;

export function completionCommands(
  program: CommandUnknownOpts,
  io: Io,
): readonly CommandUnknownOpts[] {
  const completion = command("completion", {
    summary: "completion of commands and options for your shell",
    examples: [
      ["completion bash >> ~/.bashrc", "for bash"],
      ["completion zsh > ~/.zfunc/_signalbox", "for zsh, where fpath has ~/.zfunc"],
      ["completion fish > ~/.config/fish/completions/signalbox.fish", "for fish"],
    ],
  })
    .addArgument(
      new Argument("<shell>", "bash, zsh or fish").choices(Object.keys(scripts) as Shell[]),
    )
    .action((shell) => {
      for (const line of scripts[shell].split("\n")) io.print(line);
    });
  const complete = command("complete", {
    summary: "what may come next, for the shells' completion",
    examples: [["complete -- dead-", "dead-letters"]],
  })
    .argument("[words...]", "what has been typed after signalbox; the last word is not finished")
    .action((words) => {
      for (const word of wordsThatFit(program, words)) io.print(word);
    });
  return [completion, complete];
}

/** The words that may stand where the last one is: commands, options, choices. */
function wordsThatFit(program: CommandUnknownOpts, typed: readonly string[]): readonly string[] {
  const begun = typed.at(-1) ?? "";
  let at = program;
  for (const word of typed.slice(0, -1))
    at = at.commands.find((each) => each.name() === word) ?? at;
  const before = at.options.find(({ long, short }) => [long, short].includes(typed.at(-2) ?? "-"));
  const takesValue = before !== undefined && (before.required || before.optional);
  const words = takesValue
    ? (before.argChoices ?? [])
    : begun.startsWith("-")
      ? [...at.options.flatMap(({ long }) => long ?? []), "--help"]
      : [
          ...at
            .createHelp()
            .visibleCommands(at)
            .map((each) => each.name()),
          ...at.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
        ];
  return words.filter((word) => word.startsWith(begun));
}

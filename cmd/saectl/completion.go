package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newCompletionCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write the script that lets a shell complete saectl",
		Long: `Write the script by which bash, zsh, fish or powershell complete commands, flags
and, inside the quotes of a query, its words, the names of concepts, the fields of
pictures and their ids. Names come from the database that a query would ask.`,
		Example: `  source <(saectl completion bash)     # with the package bash-completion
  source <(saectl completion zsh)      # after compinit
  saectl completion fish | source`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, s := range shells {
		cmd.AddCommand(&cobra.Command{
			Use:   s.name,
			Short: "Write the script for " + s.name,
			Args:  wantArgs(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				script, err := s.script(cmd.Root())
				if err != nil {
					return err
				}
				_, err = a.stdout.Write(script)
				return err
			},
		})
	}
	return cmd
}

// A shell is one that cobra writes a script for. Such a script hands the words of the command line to saectl by evaluating them, which a
// word whose quotes are still open does not survive. So what it does is preceded by something that looks for such a word.
type shell struct {
	name     string
	generate func(root *cobra.Command, b *bytes.Buffer) error
	behind   string // a line of cobra's
	insert   string // what goes behind it
	function string // what that calls
}

var shells = []shell{
	{
		name:     "bash",
		generate: func(root *cobra.Command, b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		behind:   "    local cur prev words cword split\n\n    COMPREPLY=()\n",
		insert:   "    __saectl_complete_quoted && return\n",
		function: `
# Completes a word whose quotes are open: its text goes to saectl as it is, and comes back as it will be.
__saectl_complete_quoted()
{
    local word=${COMP_WORDS[COMP_CWORD]} quote text line out
    quote=${word:0:1}
    [[ $quote == \' || $quote == \" ]] || return 1
    text=${word:1}
    [[ $quote == \" ]] && text=${text//\\\"/\"}
    out=$(eval "${COMP_WORDS[*]:0:1} __complete ${COMP_WORDS[*]:1:COMP_CWORD-1} $(printf %q "$text")" 2>/dev/null)
    while IFS='' read -r line; do
        [[ $line == "$text"* ]] || continue
        if [[ $quote == \" ]]; then
            line=${line//\"/\\\"}
        elif [[ $line == *\'* ]]; then
            continue
        fi
        COMPREPLY+=("$line")
    done <<<"${out%:*}"
    # A single answer would close the quotes, and a query goes on.
    ((${#COMPREPLY[@]} == 1)) && COMPREPLY+=("${COMPREPLY[0]} …")
    [[ $(type -t compopt) == builtin ]] && compopt -o nospace +o default 2>/dev/null
    return 0
}
`,
	},
	{
		name:     "zsh",
		generate: func(root *cobra.Command, b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		behind:   "    local -a completions\n",
		insert:   "    __saectl_complete_quoted && return\n",
		function: `
# Completes a word whose quotes are open: its text goes to saectl as it is, and comes back as it will be.
__saectl_complete_quoted()
{
    [[ -n $compstate[quote] ]] || return 1
    local -a lines
    lines=("${(@f)$(${(Q)words[1]} __complete ${(Q)words[2,CURRENT-1]} "$PREFIX" 2>/dev/null)}")
    compadd -S '' -- ${lines[1,-2]}
    return 0
}
`,
	},
	{
		name:     "fish",
		generate: func(root *cobra.Command, b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		behind:   "    set -l lastArg (string escape -- (commandline -ct))\n",
		insert:   "    __saectl_complete_quoted; and return\n",
		function: `
# Completes a word whose quotes are open: its text goes to saectl as it is, and comes back as it will be.
function __saectl_complete_quoted
    string match -qr -- '^[\'"]' (commandline -ct)
    or return 1
    set -l args (commandline -opc)
    set -l lines ($args[1] __complete $args[2..-1] (string sub -s 2 -- (commandline -ct)) 2>/dev/null)
    set -l found $lines[1..-2]
    # A single answer would close the quotes, and a query goes on.
    test (count $found) -eq 1; and set -a found "$found[1] …"
    printf '%s\n' $found :4
end
`,
	},
	{
		name:     "powershell",
		generate: func(root *cobra.Command, b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	},
}

// script is what the shell reads.
func (s shell) script(root *cobra.Command) ([]byte, error) {
	var b bytes.Buffer
	if err := s.generate(root, &b); err != nil {
		return nil, fmt.Errorf("completion of %s: %w", s.name, err)
	}
	if s.behind == "" {
		return b.Bytes(), nil
	}
	before, rest, found := strings.Cut(b.String(), s.behind)
	if !found {
		return nil, fmt.Errorf("completion of %s: cobra's script has no line %q", s.name, s.behind)
	}
	if head, first, hasFirst := strings.Cut(before, "\n\n"); s.function != "" && hasFirst {
		before = head + "\n" + s.function + "\n" + first
	}
	return []byte(before + s.behind + s.insert + rest), nil
}

package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelp: every command says what it does and shows an example, in 80 columns.
func TestHelp(t *testing.T) {
	u := newUser(t)
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return // cobra's own
		}
		args := append(strings.Fields(c.CommandPath())[1:], "-h")
		help := u.must(args...)
		if c.Short == "" || !strings.Contains(help.stdout, "\nExamples:\n  bpftime ") || help.stderr != "" {
			t.Errorf("%s: no example in its help:\n%s%s", c.CommandPath(), help.stdout, help.stderr)
		}
		u.columns(c.CommandPath(), help.stdout)
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(rootCommand())
}

// TestUsage: wrong usage is told with what was perhaps meant, and exit code 2.
func TestUsage(t *testing.T) {
	u := newUser(t)
	for _, c := range []struct{ args, want string }{
		{"pss", `unknown command "pss" for bpftime; did you mean "ps"?`},
		{"rnu", `unknown command "rnu" for bpftime; did you mean "run"?`},
		{"attach", `unknown command "attach" for bpftime; there are check, completion, doctor, events, map, prog, ps, run, trace`},
		{"ps --jsno", `unknown flag: --jsno; did you mean "--json"?`},
		{"ps --bogus", `unknown flag: --bogus; there are --help, --json, --session`},
		{"ps -x", `unknown shorthand flag: 'x' in -x`},
		{"map update config 3 -42", `unknown shorthand flag: '4' in -42; a negative number needs -- before it: bpftime map update … -- -42`},
		{"map lookup config", `bpftime map lookup needs KEY`},
		{"map update", `bpftime map update needs MAP and KEY and VALUE`},
		{"map dump a b", `bpftime map dump takes only MAP, not also "b"`},
		{"map dmup", `unknown command "dmup" for bpftime map; did you mean "dump"?`},
		{"ps -s", `flag needs an argument: 's' in -s`},
		{"ps web", `bpftime ps takes no argument: "web"`},
		{"ps -s ../x", `"../x" is no name for a session; a session is named by 1 to 64 letters, digits, '.', '_' and '-', and not by a '.' first`},
		{"prog", `bpftime prog needs one of its commands: dump, list, verify`},
		{"prog lsit", `unknown command "lsit" for bpftime prog; did you mean "list"?`},
		{"prog dump", `bpftime prog dump needs one of its commands: jited, xlated`},
		{"prog dump xlated", `bpftime prog dump xlated needs FILE`},
		{"prog verify", `bpftime prog verify needs FILE`},
		{"check", `bpftime check needs a program or a library`},
		{"run", `run needs something to attach, and a program: run funccount uprobe/libc:malloc -- CMD`},
		{"run sort file", `run has nothing to attach: give it -m MANIFEST, -o OBJECT, or a gadget: run funccount uprobe/libc:malloc -- sort`},
		{"run funccount uprobe/libc:malloc", `run funccount needs -- before the program to start: run funccount ARG… -- CMD`},
		{"run funccount uprobe/libc:malloc --", `run needs a program to start behind --`},
		{"run funcount uprobe/libc:malloc -- true", `unknown gadget "funcount"; did you mean "funccount"?`},
		{"run funccount -- true", `funccount: nothing to attach to; use: funccount SPEC…`},
		{"run -m x.yaml", `run needs a program to start`},
		{"run --sesion web funccount uprobe/libc:malloc -- true", `unknown flag: --sesion; did you mean "--session"?`},
		{"run -s .x funccount uprobe/libc:malloc -- true", `".x" is no name for a session; a session is named by 1 to 64 letters, digits, '.', '_' and '-', and not by a '.' first`},
	} {
		r := u.run(strings.Fields(c.args)...)
		message, see, _ := strings.Cut(r.stderr, "\n")
		if message != "bpftime: "+c.want {
			t.Errorf("%s: %s\nwant bpftime: %s", c.args, message, c.want)
		}
		if r.code != 2 || r.stdout != "" || !strings.HasPrefix(see, "see: bpftime") || !strings.HasSuffix(see, " --help\n") {
			t.Errorf("%s: exit code %d, then %q, standard output %q", c.args, r.code, see, r.stdout)
		}
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"ps", "ps", 0}, {"pss", "ps", 1}, {"", "ps", 2}, {"ps", "", 2}, {"rnu", "run", 1}, {"kitten", "sitting", 3}, {"lsit", "list", 1},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q is %d from %q, want %d", c.a, got, c.b, c.want)
		}
	}
}

// TestCompletion: words that only this command knows are offered to the shell.
func TestCompletion(t *testing.T) {
	u := newUser(t)
	u.must("run", "-s", "web", "funccount", "uprobe/libc:getppid", "--", "true")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"p"}, "prog\tPrograms of sessions and of object files\nps\t"},
		{[]string{"run", "func"}, "funccount\nfunclatency\nfuncsum\n"},
		{[]string{"ps", "-s", ""}, "web\n:4\n"},
		{[]string{"ps", "--session", "x"}, ":4\n"},
		{[]string{"prog", "dump", "xlated", "/nowhere.o", ""}, ":4\n"},
	} {
		if got := u.must(append([]string{"__complete"}, c.args...)...).stdout; !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if script := u.must("completion", shell).stdout; !strings.Contains(script, "bpftime") {
			t.Errorf("%s: %q", shell, script)
		}
	}
}

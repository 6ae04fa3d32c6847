package host

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A Rule rewrites what differs between two runs of the same program: process ids, times, addresses.
type Rule struct {
	Match *regexp.Regexp
	With  string
}

// Rewrite makes a rule. An empty replacement deletes the match.
func Rewrite(match, with string) Rule { return Rule{regexp.MustCompile(match), with} }

// Compare runs the program plain and traced, and fails the test at any difference between them.
func Compare(t testing.TB, c Cmd, tr *Trace) (plain, traced Result) {
	t.Helper()
	plain = Run(t, c, nil)
	traced = Run(t, c, tr)
	if diff := cmp.Diff(plain.normal(c), traced.normal(c)); diff != "" {
		t.Errorf("%s: the traced run (+) differs from the plain one (-):\n%s", strings.Join(c.Args, " "), diff)
	}
	return plain, traced
}

// normal returns the result as the command's rules rewrite it.
func (r Result) normal(c Cmd) Result {
	r.Stdout, r.Stderr = apply(c.Rules, r.Stdout), apply(c.Rules, r.Stderr)
	states := make([]State, len(r.States))
	for i, s := range r.States {
		states[i] = s.normal(c.Rules)
		if c.Allow != nil {
			c.Allow(&states[i])
		}
	}
	r.States = states
	return r
}

func (s State) normal(rules []Rule) State {
	list := make([]string, len(s.Descriptors))
	for i, d := range s.Descriptors {
		list[i] = apply(rules, d)
	}
	s.Descriptors = list
	s.Directory = apply(rules, s.Directory)
	return s
}

func apply(rules []Rule, text string) string {
	for _, r := range rules {
		text = r.Match.ReplaceAllString(text, r.With)
	}
	return text
}

package syscallhook

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGuardable: one site that may block a signal and stays as it is, and no signal can be ours.
func TestGuardable(t *testing.T) {
	call := func(nr int32) Number { return Number{nr, true} }
	for _, c := range []struct {
		name string
		site Site
		ok   bool
	}{
		{"rewritten", Site{Number: call(unix.SYS_RT_SIGPROCMASK), Tactic: Mov}, true},
		{"unknown, rewritten", Site{Tactic: After}, true},
		{"unknown", Site{Why: "a jump may lead to +0x2"}, false},
		{"another call", Site{Number: call(unix.SYS_READ), Why: "no room"}, true},
		{"the return from a handler", Site{Number: call(unix.SYS_RT_SIGRETURN), Why: whySignal}, true},
		{"pselect6", Site{Number: call(unix.SYS_PSELECT6), Why: "no room"}, false},
		{"exec", Site{Number: call(unix.SYS_EXECVE), Why: "no room"}, false},
	} {
		err := Guardable([]Site{{Number: call(unix.SYS_READ), Tactic: Mov}, c.site})
		if (err == nil) != c.ok || err != nil && !strings.HasSuffix(err.Error(), c.site.Why) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

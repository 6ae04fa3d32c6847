package hosts

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestMusl: the same agent, built against glibc, in programs whose libc is musl.
func TestMusl(t *testing.T) {
	host.Require(t, "musl-gcc")
	guest := host.Build(t, "musl-gcc", "guest_musl", "guest.c")
	calls := host.Build(t, "musl-gcc", "calls_musl", "calls.c", "-pthread")
	signals := host.Build(t, "musl-gcc", "signals_musl", "signals.c", "-pthread")
	t.Run("guest", func(t *testing.T) {
		host.ForUsers(t, func(t *testing.T, u *host.User) {
			tr := host.Of("uprobe/"+guest+":f", "uretprobe/"+guest+":f", "uprobe/libc:malloc")
			host.Compare(t, host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), User: u}, tr)
			tr.WantHits(t, "uprobe/"+guest+":f", 100)
			tr.WantHits(t, "uretprobe/"+guest+":f", 100)
			tr.WantSome(t, "uprobe/libc:malloc")
		})
	})
	for _, s := range scenarios {
		t.Run("calls/"+s.name, func(t *testing.T) {
			s.run(t, calls, "uprobe/"+calls+":f", "uretprobe/"+calls+":f")
		})
	}
	for _, name := range signalScenarios {
		t.Run("signals/"+name, func(t *testing.T) {
			c := host.Cmd{Args: []string{signals, name}, Dir: host.WorkDir(t)}
			host.Compare(t, c, host.Of("uprobe/libc:malloc", "uretprobe/"+signals+":count"))
		})
	}
}

package hosts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestLife(t *testing.T) {
	victim := host.Victim(t, "life.c")
	tests := []struct {
		name string
		want uint64 // calls of f with n = 1000
		out  bool   // it writes its report to the file out
	}{
		{name: "close_all", want: 2000},
		{name: "lowest", want: 1000},
		{name: "closed_stdio", want: 10, out: true},
		{name: "exec_self", want: 4000},
		{name: "inherits_child", want: 1000},
		{name: "daemonise", want: 1000, out: true},
		{name: "ends", want: 1000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host.ForUsers(t, func(t *testing.T, u *host.User) {
				tr := host.Of("uprobe/"+victim+":f", "uretprobe/"+victim+":f", "uretprobe/libc:open")
				c := host.Cmd{Args: []string{victim, test.name, "1000"}, Dir: host.WorkDir(t), User: u}
				if test.out {
					c.After = readOut
				}
				if test.name == "daemonise" {
					c.Watch = daemonDone
				}
				host.Compare(t, c, tr)
				tr.WantHits(t, "uprobe/"+victim+":f", test.want)
				tr.WantHits(t, "uretprobe/"+victim+":f", test.want)
			})
		})
	}
}

// readOut returns what the program wrote to the file out.
func readOut(t testing.TB, dir string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// daemonDone waits for the last line of a daemon's report: its parent has ended long before.
func daemonDone(t testing.TB, p *host.Proc) {
	t.Helper()
	done := host.Poll(20*time.Second, func() bool {
		text, _ := os.ReadFile(filepath.Join(p.Dir(), "out"))
		return strings.Contains(string(text), "checkpoint")
	})
	if !done {
		t.Error("the daemon did not finish its report")
	}
}

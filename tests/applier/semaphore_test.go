package applier

import (
	"regexp"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestSemaphoreRefused: a semaphore that cannot be added to refuses its marker, or the plan, and the program runs as it is:
// one in a page that may not be written to any more, one that is at its end.
func TestSemaphoreRefused(t *testing.T) {
	needsAgent(t)
	for flag, want := range map[string]string{
		"-DSEALED": "warn: funccount usdt/.*: the page of its semaphore is r--p, not private writable data of the file$",
		"-DFULL":   "error: nothing was patched: .*: the semaphore is at its end$",
	} {
		file := host.Build(t, "gcc", "marked"+flag, "../applier/testdata/marked.c", flag, "-ldl")
		tr := host.Of("usdt/"+file+":marked:mark", "uprobe/libc:write")
		plain, _ := host.Compare(t, host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}, tr)
		if plain.Exit != 23 {
			t.Errorf("%s: exit %d", flag, plain.Exit)
		}
		log := tr.Log(t)
		if len(log) != 1 || !regexp.MustCompile(want).MatchString(log[0]) {
			t.Errorf("%s: log %q, want %s", flag, log, want)
		}
		if flag == "-DSEALED" {
			tr.WantHits(t, "uprobe/libc:write", 1)
		}
	}
}

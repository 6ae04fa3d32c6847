package objects

import (
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestWho: the pair of pid and tid, the name, cookie and address are right wherever a program runs, also where they are
// only fetched and no helper is called: in threads, after fork, vfork, clone, exec and setuid, in PID namespaces.
func TestWho(t *testing.T) {
	who := native(t, "whoami", "whoami.c", "-pthread", "-rdynamic")
	for _, reads := range []string{"kernel", "guarded"} {
		t.Run(reads, func(t *testing.T) {
			c := host.Cmd{Args: []string{who}, Dir: host.WorkDir(t)}
			tr := trace(t, anyVariant(t), "objects:\n- path: OBJ/inlined.bpf.o\n  attach: {on_am: {at: \"uprobe/"+who+":am\", cookie: 0x1122334455667788}}\nreads: "+reads)
			plain, _ := host.Compare(t, c, tr)
			wantQuiet(t, tr)
			var calls uint64
			for line := range strings.Lines(string(plain.Stdout)) {
				n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
				if err != nil {
					t.Fatalf("%q", plain.Stdout)
				}
				calls += n
			}
			g := globals(t, tr, "inlined", "bss")
			if calls < 200 || g["calls"] != calls {
				t.Errorf("%d calls seen of %d", g["calls"], calls)
			}
			for _, name := range []string{"wrong_pair", "wrong_task", "wrong_name", "wrong_cookie", "wrong_ip"} {
				if g[name] != 0 {
					t.Errorf("%s: %d times; a pair was said to be %#x, and is %#x", name, g[name], g["last_wrong"], g["last_right"])
				}
			}
		})
	}
}

// TestInlinedLookups: a lookup in an array finds what the helper finds.
func TestInlinedLookups(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const calls, inRange = 20, 6 // the first argument goes from 1 to calls
		c := host.Cmd{Args: []string{target(t), "add", strconv.Itoa(calls)}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/inlined.bpf.o, attach: {on_add: \"uprobe/TARGET:add\"}}]"))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		g := globals(t, tr, "inlined", "bss")
		if g["wrong"] != 0 || g["found"] != 7*calls+inRange || g["none"] != 12*calls-inRange {
			t.Errorf("%d found, %d not, %d wrong", g["found"], g["none"], g["wrong"])
		}
		sums := table(t, tr, "inlined.one")
		for i := range uint64(7) {
			if sums[i] != 0 { // the first of three words
				t.Errorf("entry %d: %d", i, sums[i])
			}
		}
	})
}

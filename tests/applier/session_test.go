package applier

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// tracedGuest is a session for runs of the guest, which calls f a hundred times. The run directory outlives the runs.
func tracedGuest(t *testing.T) (host.Cmd, *host.Trace) {
	t.Helper()
	needsAgent(t)
	guest := host.Victim(t, "guest.c")
	dir := host.WorkDir(t)
	tr := host.Of("uprobe/" + guest + ":f")
	tr.RunDir = filepath.Join(filepath.Dir(dir), "sessions")
	if err := os.Mkdir(tr.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	return host.Cmd{Args: []string{guest}, Dir: dir}, tr
}

// TestRace: processes that make one session at the same moment all get into it; nothing is left of their attempts.
func TestRace(t *testing.T) {
	const processes = 20
	for round := range host.Scale(4, 200) {
		c, tr := tracedGuest(t)
		c.Args = append([]string{victim(t, "starts", "-static"), fmt.Sprint(processes)}, c.Args...)
		tr.Preload = "STARTS_PRELOAD"
		if _, traced := host.Compare(t, c, tr); traced.Stdout != fmt.Sprintln(processes) {
			t.Errorf("round %d: %q of %d processes ended well", round, traced.Stdout, processes)
		}
		tr.WantHits(t, tr.Specs[0], processes*100)
		if l := tr.Links(t); len(l) != 1 || l[tr.Specs[0]].Sites != processes {
			t.Errorf("round %d: links %v, want one with %d sites; log %q", round, l, processes, tr.Log(t))
		}
		for _, file := range filesBelow(t, tr.RunDir) {
			if temporary.MatchString(file) {
				t.Errorf("round %d: %s is left", round, file)
			}
		}
	}
}

// temporary matches the names under which files are made before they are linked into place: they end with a time.
var temporary = regexp.MustCompile(`\.[0-9a-z]{9,}$`)

func filesBelow(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestKilledAnywhere: a process is killed at each of the agent's system calls, while it makes the session or joins it.
// Whoever comes next finds a session that works, and takes back what the dead one held.
func TestKilledAnywhere(t *testing.T) {
	for n, ended := 1, false; !ended; n += host.Scale(2, 1) {
		c, tr := tracedGuest(t)
		dying := c
		dying.Args = append([]string{victim(t, "fault", "-static"), filepath.Join(filepath.Dir(c.Dir), "calls"), "host", "kill", fmt.Sprint(n), "0"}, c.Args...)
		tr.Preload = "FAULT_PRELOAD"
		ended = host.Run(t, dying, tr).Exit == 23
		tr.Preload = ""
		if got := host.Run(t, c, tr); got.Exit != 23 || got.Stdout != "ready\n" {
			t.Fatalf("after one was killed at call %d: exit %d, stdout %q", n, got.Exit, got.Stdout)
		}
		want := uint64(100)
		if ended {
			want = 200
		}
		if l := tr.Links(t)[tr.Specs[0]]; l.Hits != want || l.Misses != 0 {
			t.Errorf("after one was killed at call %d: %d hits and %d misses, want %d and 0; log %q", n, l.Hits, l.Misses, want, tr.Log(t))
		}
		for i, s := 0, openSession(t, tr); i < abi.SESSION_NPROCS; i++ {
			if h := s.holder(i); h.state == abi.SLOT_CLAIMED {
				t.Errorf("killed at call %d: slot %d stays claimed by pid %d, which is dead", n, i, h.pid)
			}
		}
	}
}

// own is the slot this test process would have.
func own(t *testing.T) holder {
	t.Helper()
	var ns uint64
	link, err := os.Readlink("/proc/self/ns/pid")
	if err == nil {
		_, err = fmt.Sscanf(link, "pid:[%d]", &ns)
	}
	if err != nil {
		t.Fatal(err)
	}
	stat := readFile(t, "/proc/self/stat")
	var start uint64
	fmt.Sscan(strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])[19], &start)
	return holder{abi.SLOT_LIVE, uint32(os.Getpid()), start, ns}
}

// dead is a slot of a process that is gone. Process ids stay below 2^22.
func dead(t *testing.T) holder {
	h := own(t)
	h.pid = 1 << 22
	return h
}

// TestReclaim: all slots and all leases are taken. The ones of dead processes are taken back by who starts next, those of
// others are not: then it runs unpatched, and says so in the log.
func TestReclaim(t *testing.T) {
	other := own(t)
	other.pidns++
	other.pid = 1 << 22
	reused := own(t)
	reused.start--
	claimed := dead(t)
	claimed.state = abi.SLOT_CLAIMED
	tests := []struct {
		name  string
		slots holder
		taken bool // back
	}{
		{"dead", dead(t), true},
		{"another process has the pid", reused, true},
		{"killed while it took the slot", claimed, true},
		{"alive", own(t), false},
		{"of another PID namespace", other, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, tr := tracedGuest(t)
			host.Run(t, c, tr)
			s := openSession(t, tr)
			for i := range abi.SESSION_NPROCS {
				s.putHolder(i, test.slots)
			}
			for i := range abi.SESSION_NLEASES {
				s.put64(leaseAt(i)+abi.LEASE_OWNER, uint64(1+i%abi.SESSION_NPROCS))
			}
			host.Compare(t, c, tr)
			l := tr.Links(t)[tr.Specs[0]]
			if test.taken && (l.Hits != 200 || l.Misses != 0) {
				t.Errorf("%d hits, %d misses, want 200 and 0; log %q", l.Hits, l.Misses, tr.Log(t))
			}
			if n := s.leases(); test.taken && n[0] < abi.SESSION_NLEASES-2 {
				t.Errorf("leases by owner: %v; those of dead processes are to be free", n)
			}
			if !test.taken && (l.Hits != 100 || s.holder(0) != test.slots || len(tr.Log(t)) != 1) {
				t.Errorf("%d hits, slot %+v, log %q; want it unpatched, with one line that says why", l.Hits, s.holder(0), tr.Log(t))
			}
		})
	}
}

// TestLogWraps: the log is a ring. After it was written around, the latest lines are there, in order.
func TestLogWraps(t *testing.T) {
	c, tr := tracedGuest(t)
	host.Run(t, c, tr)
	s := openSession(t, tr)
	for i := range abi.SESSION_NLINKS { // all taken, so each start fails, with a line
		at := abi.SESSION_LINKS_OFF + i*abi.SESSION_LINK_SIZE
		s.write(at+abi.LINK_STATE, []byte{abi.SLOT_LIVE})
		s.write(at+abi.LINK_NAME, []byte(fmt.Sprintf("other %d\x00", i)))
	}
	s.put64(abi.SESSION_HDR_LOG_HEAD, abi.SESSION_NLOGS-3)
	const runs = 6
	var last int
	for range runs {
		if got := host.Run(t, c, tr); got.Exit != 23 {
			t.Fatalf("exit %d", got.Exit)
		}
		if n := len(tr.Log(t)); n != last+1 {
			t.Fatalf("%d lines after %d: %q", n, last, tr.Log(t))
		}
		last++
	}
	if head := s.u64(abi.SESSION_HDR_LOG_HEAD); head != abi.SESSION_NLOGS-3+runs {
		t.Errorf("head %d", head)
	}
	log := tr.Log(t)
	if !slices.IsSorted(log) { // they begin with the time
		t.Errorf("not in order: %q", log)
	}
	for _, line := range log {
		if !strings.Contains(line, "links are all taken") {
			t.Errorf("%q does not say why", line)
		}
	}
}

// foreign are sessions that others could change, or could have changed.
var foreign = []struct {
	name  string
	root  bool
	spoil func(tr *host.Trace) error
}{
	{"run directory writable for the group", false, func(tr *host.Trace) error { return os.Chmod(tr.RunDir, 0o770) }},
	{"run directory writable for all", false, func(tr *host.Trace) error { return os.Chmod(tr.RunDir, 0o1777) }},
	{"session writable for the group", false, func(tr *host.Trace) error { return os.Chmod(tr.Path(), 0o720) }},
	{"session of another user", true, func(tr *host.Trace) error { return os.Chown(tr.Path(), 65534, 65534) }},
	{"run directory of another user", true, func(tr *host.Trace) error { return os.Chown(tr.RunDir, 65534, 65534) }},
	{"session file of another user", true, func(tr *host.Trace) error {
		return os.Chown(filepath.Join(tr.Path(), "session"), 65534, 65534)
	}},
	{"session file is a link", false, func(tr *host.Trace) error {
		file := filepath.Join(tr.Path(), "session")
		return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file))
	}},
}

// TestForeign: such a session is refused, and nothing is patched.
func TestForeign(t *testing.T) {
	for _, test := range foreign {
		t.Run(test.name, func(t *testing.T) {
			if test.root {
				host.RequireRoot(t)
			}
			c, tr := tracedGuest(t)
			host.Run(t, c, tr)
			tr.WantHits(t, tr.Specs[0], 100)
			if err := test.spoil(tr); err != nil {
				t.Fatal(err)
			}
			c.Stdin = host.Held
			c.Watch = func(t testing.TB, p *host.Proc) {
				p.Await("ready\n")
				if spans, err := host.TextChanges(p.PID); err != nil || len(spans) > 0 {
					t.Errorf("text: %v %v", spans, err)
				}
			}
			host.Compare(t, c, tr)
			if st, err := os.Lstat(filepath.Join(tr.Path(), "session")); err == nil && st.Mode().IsRegular() {
				tr.WantHits(t, tr.Specs[0], 100)
			}
		})
	}
}

package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// started holds the programs that Start started and nobody has waited for. Tests are sequential; so is this map.
var started = map[int]bool{}

// Main runs the tests of a package as the reaper of everything they leave behind.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "host: become a child subreaper:", err)
		return 1
	}
	closeOnExec()
	defer removeBinDir()
	return m.Run()
}

// closeOnExec keeps what the test process inherited from whoever started it away from the hosts.
func closeOnExec() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd := number(e); fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// process is one line of the process table.
type process struct {
	pid, parent int
	state       byte // 'Z' is a zombie
}

// processes reads the process table; what vanishes meanwhile is left out.
func processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var list []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

func readProcess(pid int) (process, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 {
		return process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	return process{pid: pid, parent: parent, state: fields[0][0]}, true
}

// alive reports whether the process runs: a zombie does not.
func alive(pid int) bool {
	p, ok := readProcess(pid)
	return ok && p.state != 'Z'
}

// Children lists the direct children of a process, zombies too.
func Children(pid int) []int {
	var list []int
	for _, p := range processes() {
		if p.parent == pid {
			list = append(list, p.pid)
		}
	}
	return list
}

// killTree stops the process first, so that it cannot fork away from under the walk.
func killTree(pid int) {
	syscall.Kill(pid, syscall.SIGSTOP)
	for _, c := range Children(pid) {
		killTree(c)
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// orphans reaps the dead among the children nobody started, and returns the others.
func orphans() []int {
	var list []int
	for _, pid := range Children(os.Getpid()) {
		if started[pid] {
			continue
		}
		if got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err == nil && got == 0 {
			list = append(list, pid)
		}
	}
	return list
}

// endOrphans fails the test when the program left processes behind that do not end by themselves soon.
func endOrphans(t testing.TB, program string) {
	t.Helper()
	if Poll(3*time.Second, func() bool { return len(orphans()) == 0 }) {
		return
	}
	for _, pid := range orphans() {
		t.Errorf("%s left a process behind: %s", program, where(pid))
		killTree(pid)
	}
	Poll(3*time.Second, func() bool { return len(orphans()) == 0 })
}

// Adopt keeps a daemon from being taken for an orphan until it is reaped, or the test ends, which ends it.
func Adopt(t testing.TB, pid int) {
	started[pid] = true
	t.Cleanup(func() {
		if started[pid] {
			killTree(pid)
			Reap(t, pid)
		}
	})
}

// Reap waits for the end of a daemon, which the death of its parents made our child.
func Reap(t testing.TB, pid int) syscall.WaitStatus {
	t.Helper()
	defer delete(started, pid)
	var ws syscall.WaitStatus
	ended := Poll(30*time.Second, func() bool {
		got, err := syscall.Wait4(pid, &ws, syscall.WNOHANG, nil)
		return got == pid || err == syscall.ECHILD
	})
	if !ended {
		t.Errorf("daemon did not end: %s", where(pid))
		killTree(pid)
	}
	return ws
}

// where describes what a process is doing, for messages.
func where(pid int) string {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	wchan, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	args := strings.ReplaceAll(strings.TrimRight(string(cmdline), "\x00"), "\x00", " ")
	return fmt.Sprintf("pid %d %q syscall %q wchan %q children %v",
		pid, args, strings.TrimSpace(string(call)), wchan, Children(pid))
}

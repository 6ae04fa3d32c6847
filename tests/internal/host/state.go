package host

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// State is what a process is, as /proc shows it: all that an agent must leave as it was.
type State struct {
	Who         string
	Descriptors []string // "3 /path" or "4 pipe", by number
	Blocked     []string // signal mask of each thread, hex, sorted
	Ignored     string
	Caught      string
	Threads     int
	Children    int // zombies too
	Directory   string
	Tracer      int
	WriteExec   bool // some mapping is writable and executable at once
}

// Inspect reads the state of a process that is asleep or stopped.
func Inspect(who string, pid int) (State, error) {
	s := State{Who: who, Children: len(Children(pid))}
	proc := fmt.Sprintf("/proc/%d", pid)
	status, err := readStatus(proc + "/status")
	if err != nil {
		return s, err
	}
	s.Ignored, s.Caught = status["SigIgn"], status["SigCgt"]
	s.Tracer, _ = strconv.Atoi(status["TracerPid"])
	if s.Blocked, err = masks(proc); err != nil {
		return s, err
	}
	s.Threads = len(s.Blocked)
	if s.Directory, err = os.Readlink(proc + "/cwd"); err != nil {
		return s, err
	}
	if s.Descriptors, err = descriptors(proc); err != nil {
		return s, err
	}
	s.WriteExec, err = writeExec(proc)
	return s, err
}

// InspectSteady reads the state of a process nobody holds still: it asks until two answers in a row are the same, and
// its main thread sleeps elsewhere than in the creation of a child, for which libraries block all signals.
func InspectSteady(who string, pid int) (State, error) {
	last, err := Inspect(who, pid)
	for range 200 {
		time.Sleep(10 * time.Millisecond)
		next, again := Inspect(who, pid)
		if err == nil && again == nil && settled(pid) && reflect.DeepEqual(last, next) {
			break
		}
		last, err = next, again
	}
	return last, err
}

// settled reports whether the main thread sleeps in a system call other than clone, fork, vfork and clone3.
func settled(pid int) bool {
	call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	if err != nil {
		return true // the kernel, or its policy, does not tell
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(call)), " ")
	return !slices.Contains([]string{"running", "56", "57", "58", "435"}, number)
}

func readStatus(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// whenItLikes is a thread that jemalloc starts by and by, one per CPU, as it finds work: no two runs agree on them.
const whenItLikes = "jemalloc_bg_thd"

// masks are the signal masks of a process's threads.
func masks(proc string) ([]string, error) {
	threads, err := filepath.Glob(proc + "/task/*/status")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, path := range threads {
		status, err := readStatus(path)
		if err != nil {
			return nil, err
		}
		if status["Name"] != whenItLikes {
			list = append(list, status["SigBlk"])
		}
	}
	sort.Strings(list)
	return list, nil
}

var inode = regexp.MustCompile(`^(pipe|socket):\[\d+\]$`)

func descriptors(proc string) ([]string, error) {
	entries, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return nil, err
	}
	sort.Slice(entries, func(i, j int) bool { return number(entries[i]) < number(entries[j]) })
	var list []string
	for _, e := range entries {
		target, err := os.Readlink(proc + "/fd/" + e.Name())
		if err != nil {
			return nil, err
		}
		list = append(list, e.Name()+" "+inode.ReplaceAllString(target, "$1"))
	}
	return list, nil
}

func number(e os.DirEntry) int {
	n, _ := strconv.Atoi(e.Name())
	return n
}

func writeExec(proc string) (bool, error) {
	f, err := os.Open(proc + "/maps")
	if err != nil {
		return false, err
	}
	defer f.Close()
	found := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if _, rest, ok := strings.Cut(lines.Text(), " "); ok && len(rest) > 4 && rest[1:3] == "wx" {
			found = true
		}
	}
	return found, nil
}

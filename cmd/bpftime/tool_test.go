package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestOpensnoopRun: which files does it open? As the tool of that name prints it, and
// nothing else.
func TestOpensnoopRun(t *testing.T) {
	u := newUser(t)
	u.write("here", "")
	r := u.run("run", "opensnoop", "-n", "cat", "--", "bash", "-c", "cat here /no/where; cat here | cat")
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	said := withoutTroubles(r.stderr)
	if want := regexp.MustCompile(`^PID    COMM              FD ERR PATH\n(\d+ +cat +.*\n|cat: /no/where: No such file or directory\n)+$`); !want.MatchString(said) {
		t.Errorf("it said\n%s", said)
	}
	for want, times := range map[string]int{`cat                3   0 here\n`: 2, `cat               -1   2 /no/where\n`: 1} {
		if got := len(regexp.MustCompile(`(?m)^\d+ +`+want).FindAllString(said, -1)); got != times {
			t.Errorf("%d lines of %q, want %d in\n%s", got, want, times, said)
		}
	}
	u.columns("opensnoop", r.stderr)
}

// withoutTroubles takes out what was not seen, and why: that is other tests' business.
func withoutTroubles(s string) string {
	return regexp.MustCompile(`(?m)^bpftime: not everything is seen: .*\n( .*\n)*`).ReplaceAllString(s, "")
}

// TestExecsnoopRun: programs that were executed, and those that were not.
func TestExecsnoopRun(t *testing.T) {
	u := newUser(t)
	u.write("script.sh", "#!/bin/sh\nexit 0\n")
	if err := os.Chmod(u.dir+"/script.sh", 0o755); err != nil {
		t.Fatal(err)
	}
	r := u.run("run", "--json", "--output", "rows", "execsnoop", "-x", "--", "bash", "-c", "/bin/true 'a b'; ./script.sh one; /no/such; exec /bin/false x")
	if r.code != 1 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	var got []string
	for _, row := range rows(t, readFile(t, u.dir+"/rows"), "execsnoop") {
		b, err := json.Marshal([]any{row["comm"], row["ret"], row["args"]})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	want := `["true",0,["/bin/true","a b"]] ["script.sh",0,["./script.sh","one"]] ["bash",-2,["/no/such"]] ["false",0,["/bin/false","x"]]`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rows are the lines of a gadget.
func rows(t *testing.T, text, gadget string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row["gadget"] == gadget {
			out = append(out, row)
		}
	}
	return out
}

// counts are a gadget's counts by system call.
func counts(t *testing.T, text string) map[string]int {
	out := map[string]int{}
	for _, row := range rows(t, text, "syscount") {
		out[row["syscall"].(string)] = int(row["count"].(float64))
	}
	return out
}

// TestSyscountRun: a program that makes a known number of calls, by name, in each way of
// counting.
func TestSyscountRun(t *testing.T) {
	u := newUser(t)
	victim(t, "syscalls", "syscalls.c")
	for line, want := range map[string]map[string]int{
		"syscount":      {"getppid": 1000, "fstat": 70, "openat": 3, "umask": 5},
		"syscount -L":   {"getppid": 1000, "fstat": 70, "openat": 3, "umask": 5},
		"syscount -x":   {"fstat": 20, "openat": 3},
		"syscount -e 9": {"fstat": 20},
	} {
		words := append([]string{"run", "--json", "--output", "rows"}, strings.Fields(line)...)
		u.must(append(words, "--", "syscalls")...)
		got := counts(t, readFile(t, u.dir+"/rows"))
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s: %d %s, want %d", line, got[name], name, n)
			}
		}
		if _, plain := got["getppid"]; plain == (strings.Contains(line, "-x") || strings.Contains(line, "-e")) {
			t.Errorf("%s: %v", line, got)
		}
	}
	r := u.must("run", "syscount", "-T", "1", "--", "syscalls")
	if got := withoutTroubles(r.stderr); got != "SYSCALL                   COUNT\ngetppid                    1000\n" {
		t.Errorf("got\n%s", got)
	}
	r = u.must("run", "syscount", "-T", "1", "-P", "--", "syscalls")
	if got := withoutTroubles(r.stderr); !regexp.MustCompile(`^PID    COMM               COUNT\n\d+ +syscalls +1\d\d\d\n$`).MatchString(got) {
		t.Errorf("got\n%s", got)
	}
	r = u.must("run", "syscount", "-HT1", "--", "syscalls")
	if got := withoutTroubles(r.stderr); !strings.HasPrefix(got, "SYSCALL                   COUNT        TIME (us)\ngetppid                    1000 ") ||
		!strings.Contains(got, "\n     nsecs               : count    distribution\n") {
		t.Errorf("got\n%s", got)
	}
	u.columns("syscount", r.stderr)
}

// TestGadgetHelp: the options of a gadget are told where one looks for them.
func TestGadgetHelp(t *testing.T) {
	u := newUser(t)
	if got := u.must("run", "opensnoop", "-h").stdout; !strings.Contains(got, "\n  -x            only what failed\n") || !strings.Contains(got, "bpftime run opensnoop [OPTION]… -- CMD [ARG]…\n") {
		t.Errorf("got\n%s", got)
	}
	if got := u.must("run", "mallocs", "--help").stdout; strings.Contains(got, "Options") {
		t.Errorf("got\n%s", got)
	}
}

// TestGadgetHint: who writes a gadget's arguments in a wrong way is told the right one.
func TestGadgetHint(t *testing.T) {
	u := newUser(t)
	for line, want := range map[string]string{
		"opensnoop --json":       "; --json is run's, and stands before the gadget: run --json opensnoop\n",
		"funccount --output=x":   "; --output=x is run's, and stands before the gadget: run --output=x funccount\n",
		"syscount -e ENOPE":      "; run syscount -h lists the options\n",
		"funccount read":         "; a function is named with its file: libc:read\n",
		"funcsum libc:read free": "; a function is named with its file: libc:free\n",
		"funccount nope/libc:x":  "; use: funccount SPEC…\n",
		"mallocs libc":           "; use: mallocs\n",
	} {
		r := u.run(slices.Concat([]string{"run"}, strings.Fields(line), []string{"--", "true"})...)
		if r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, %s\nwant %s", line, r.code, r.stderr, want)
		}
	}
}

// TestExecsnoopSpawned: a child that shares its parent's memory until it executes a program is told from it.
func TestExecsnoopSpawned(t *testing.T) {
	u := newUser(t)
	victim(t, "spawns", "spawns.c")
	r := u.run("run", "--json", "--output", "rows", "execsnoop", "--", "spawns")
	all := rows(t, readFile(t, u.dir+"/rows"), "execsnoop")
	if r.code != 0 || len(all) != 1 {
		t.Fatalf("exit code %d, rows %v", r.code, all)
	}
	if got, want := fmt.Sprint(all[0]["ppid"], all[0]["pid"], all[0]["tid"]), strings.Fields(r.stdout); len(want) != 2 || got != want[0]+" "+want[1]+" "+want[1] {
		t.Errorf("parent, process and thread %s, want %q", got, want)
	}
}

// straced runs a program under strace, without the agent, and returns what that has written.
func (u *user) straced(argv []string, flags ...string) string {
	u.t.Helper()
	for _, program := range []string{"strace", argv[0]} {
		if _, err := exec.LookPath(program); err != nil {
			u.t.Skipf("no %s", program)
		}
	}
	c := exec.Command("strace", append(append([]string{"-f", "-o", u.dir + "/log"}, flags...), argv...)...)
	c.Dir, c.Env = u.dir, u.command("ps").Env
	if out, err := c.CombinedOutput(); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
	return readFile(u.t, u.dir+"/log")
}

// opened are the files of strace's log that were opened, or not, with what came of it, but for what comes before the agent.
func opened(log string) (out []string) {
	for _, m := range regexp.MustCompile(`open(?:at|at2)?\((?:[^"]*, )?"([^"]*)".*?\) += (-?\d+) ?(\w*)`).FindAllStringSubmatch(log, -1) {
		if !isEarly(m[1]) {
			out = append(out, m[1]+" "+m[3])
		}
	}
	slices.Sort(out)
	return out
}

// isEarly holds for libraries, which the dynamic linker opens, and for what libselinux does when it is initialised.
func isEarly(path string) bool {
	return regexp.MustCompile(`\.so(\.|$)|^/etc/ld\.so\.|^/proc/filesystems$`).MatchString(path)
}

// TestOpensnoopStrace: the gadget sees what strace sees of the same program without the agent.
func TestOpensnoopStrace(t *testing.T) {
	for name, argv := range map[string][]string{
		"ls":      {"ls", "-R", "/etc/apt", "/usr/share/doc/bash"},
		"find":    {"find", "/etc/apt", "/usr/share/doc/bash"},
		"bash":    {"bash", "-c", "cat /etc/hostname /no/where | sort | head -1; ls /etc/apt >/dev/null; exec cat /etc/passwd"},
		"python3": {"/usr/bin/python3", "-c", "import json, os, subprocess\nsubprocess.run(['cat', '/etc/hostname'])\nos.listdir('/etc/apt')"},
		"perl":    {"perl", "-MPOSIX", "-e", "open my $f, '<', '/no/where'; if (!fork) { exec 'cat', '/etc/hostname' } wait"},
		"tar":     {"sh", "-c", "tar cf a.tar /etc/apt 2>/dev/null; tar xf a.tar"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			want := opened(joined(u.straced(argv, "-qq", "-s", "300", "-e", "trace=open,openat,openat2", "-e", "signal=none")))
			if err := errors.Join(os.RemoveAll(u.dir+"/etc"), os.RemoveAll(u.dir+"/a.tar")); err != nil {
				t.Fatal(err)
			}
			u.run(append([]string{"run", "--json", "--output", "rows", "opensnoop", "--"}, argv...)...)
			var got []string
			for _, row := range rows(t, readFile(t, u.dir+"/rows"), "opensnoop") {
				errno := ""
				if n := int(row["err"].(float64)); n != 0 {
					errno = unix.ErrnoName(unix.Errno(n))
				}
				if path := row["path"].(string); !isEarly(path) {
					got = append(got, path+" "+errno)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
				t.Errorf("as strace (-) and opensnoop (+) have seen it:\n%s", diff)
			}
		})
	}
}

// joined puts together what strace tells in two lines since another thread came between.
func joined(log string) string {
	var out strings.Builder
	open := map[string]string{}
	for line := range strings.Lines(log) {
		pid, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if begin, ok := strings.CutSuffix(rest, " <unfinished ...>"); ok {
			open[pid] = begin
			continue
		}
		if i := strings.Index(rest, " resumed>"); strings.HasPrefix(rest, "<... ") && i > 0 {
			rest = open[pid] + rest[i+len(" resumed>"):]
		}
		out.WriteString(rest + "\n")
	}
	return out.String()
}

// early are calls that are made before the agent is there too, and those that strace, or the agent, does not count.
var early = strings.Fields("execve brk mmap munmap mprotect openat close read pread64 newfstatat fstat access arch_prctl set_tid_address " +
	"set_robust_list rseq prlimit64 getrandom statfs futex exit_group rt_sigreturn total")

// TestSyscountStrace: the gadget counts what strace -c counts of the same program without the agent; of calls that are also
// made before the agent is there it counts no more.
func TestSyscountStrace(t *testing.T) {
	for name, argv := range map[string][]string{
		"ls":      {"ls", "-lR", "/etc/apt", "/usr/share/doc/bash"},
		"find":    {"find", "/etc/apt", "/usr/share/doc", "-newer", "/etc/hostname"},
		"python3": {"/usr/bin/python3", "-c", "import json, os\nfor i in range(100): os.getppid(); os.stat('/')\nos.listdir('/etc/apt')"},
		"perl":    {"perl", "-e", "for (1 .. 50) { getppid; mkdir qq(d$_); rmdir qq(d$_) }"},
		"tar":     {"tar", "cf", "/dev/null", "--format=ustar", "/usr/share/doc/bash"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			want := map[string]int{}
			for _, m := range regexp.MustCompile(`(?m)^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$`).FindAllStringSubmatch(u.straced(argv, "-c"), -1) {
				want[m[2]] = number(t, m[1])
			}
			u.run(append([]string{"run", "--json", "--output", "rows", "syscount", "--"}, argv...)...)
			got := counts(t, readFile(t, u.dir+"/rows"))
			for _, call := range early {
				if call != "exit_group" && got[call] > want[call] {
					t.Errorf("%d %s, strace counts %d", got[call], call, want[call])
				}
				delete(got, call)
				delete(want, call)
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) < 3 {
				t.Errorf("as strace (-) and syscount (+) have counted:\n%s", diff)
			}
		})
	}
}

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestCheck: each function's fate, for people and for programs.
func TestCheck(t *testing.T) {
	u := newUser(t)
	library := victim(t, "functions.so", "functions.S", "-shared", "-nostdlib")
	u.golden("check.txt", u.must("check", library, "--match", "probe_*").stdout)
	u.golden("check-refused.txt", u.must("check", library, "--refused").stdout)
	u.golden("check-sums.txt", u.must("check", library).stdout)
	u.golden("check-sites.txt", u.must("check", library, "--match", "sys_*").stdout)
	u.golden("check-usdt.txt", u.must("check", library, "--match", "here:*").stdout)
	u.golden("check-demangled.txt", u.must("check", library, "--match", "~http::*").stdout)

	var got struct {
		Binaries []struct {
			Path      string
			BuildID   string `json:"build_id"`
			Summary   summaryView
			Functions []functionView
		}
	}
	if err := json.Unmarshal([]byte(u.must("check", library, library, "--json", "--match", "probe_*s*o*").stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Binaries) != 2 || got.Binaries[1].Path != library || len(got.Binaries[1].BuildID) != 40 {
		t.Fatalf("%+v", got)
	}
	b := got.Binaries[0]
	if s := b.Summary; s.Functions != 2 || s.Entry["jump"] != 1 || s.Entry["padding"] != 1 || s.Return["refused"] != 1 ||
		s.Long.Functions != 1 || s.Short.Functions != 1 || s.Short.Entry["padding"] != 1 || s.Parts.Functions != 0 {
		t.Errorf("summary %+v", s)
	}
	want := []reasonView{{Why: "it leaves by an indirect jump at +0x5; and it reads its own return address (+0x0)", Return: 1, Examples: []string{"probe_jumps_on"}}}
	if diff := cmp.Diff(want, b.Summary.Refusals); diff != "" {
		t.Error(diff)
	}
	if f := b.Functions[0]; f.Name != "probe_jumps_on" || f.Vaddr == 0 || f.Size != 7 || f.Entry != "jump" || f.EntryWhy != "" || f.Return != "" ||
		!strings.HasPrefix(f.ReturnWhy, "it leaves by an indirect jump at +0x5") {
		t.Errorf("%+v", f)
	}
}

// TestCheckSites: system calls and markers, for programs.
func TestCheckSites(t *testing.T) {
	u := newUser(t)
	library := victim(t, "functions.so", "functions.S", "-shared", "-nostdlib")
	var got struct{ Binaries []binaryView }
	if err := json.Unmarshal([]byte(u.must("check", library, "--json").stdout), &got); err != nil {
		t.Fatal(err)
	}
	b := got.Binaries[0]
	getpid, sigreturn := int32(39), int32(15)
	calls := []syscallView{
		{Place: "sys_getpid+0x5", Number: &getpid, Tactic: "mov"},
		{Place: "sys_return+0x7", Number: &sigreturn, Why: "it returns from a signal handler, and unwinders and debuggers know it by its bytes"},
	}
	markers := []markerView{{Provider: "here", Name: "here", Arguments: 1, Tactic: "jump"}}
	vaddr := cmpopts.IgnoreFields
	if diff := cmp.Diff(calls, b.Syscalls, vaddr(syscallView{}, "Vaddr")) + cmp.Diff(markers, b.USDT, vaddr(markerView{}, "Vaddr")); diff != "" {
		t.Error(diff)
	}
	if s := b.Summary; s.Syscalls.Sites != 2 || s.Syscalls.Tactics["mov"] != 1 || s.Syscalls.Tactics["refused"] != 1 || s.USDT.Sites != 1 || s.USDT.Tactics["jump"] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestCheckLibc: a name will do; the sums are short, every function can be listed, and
// nearly all can be probed.
func TestCheckLibc(t *testing.T) {
	u := newUser(t)
	sums := u.must("check", "libc")
	u.columns("libc", sums.stdout)
	if n := strings.Count(sums.stdout, "\n"); n > 80 || !strings.HasPrefix(sums.stdout, "/lib/x86_64-linux-gnu/libc.so.6\nPROBE  ") {
		t.Errorf("%d lines:\n%s", n, sums.stdout)
	}
	if sums.stderr != "" {
		t.Errorf("progress on a pipe: %q", sums.stderr)
	}
	r := u.must("check", "libc", "--all")
	u.columns("libc --all", r.stdout)
	rows := 0
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "jump ") || strings.HasPrefix(line, "padding ") || strings.HasPrefix(line, "refused ") || strings.HasPrefix(line, "ifunc ") {
			rows++
		}
	}
	if rows < 2000 || !strings.Contains(r.stdout, "\njump      return-a  malloc\n") || !strings.Contains(r.stdout, "ifunc     ifunc     memcpy\n") {
		t.Errorf("%d rows, and\n%s", rows, r.stdout[len(r.stdout)-300:])
	}
	if u.must("check", "libc.so.6", "--match", "malloc").stdout == "" || !strings.Contains(u.must("check", "sh", "--all").stdout, " (no name)\n") {
		t.Error("names are not found")
	}
}

// TestCheckCoverage: without traps 99.5 % of the functions of five bytes and more can be
// probed, with traps all, and the system calls of libc but for one or two.
func TestCheckCoverage(t *testing.T) {
	u := newUser(t)
	var got struct{ Binaries []binaryView }
	out := u.must("check", "--json", "libc", "libstdc++", "libcrypto", "redis-server", "/usr/bin/python3").stdout
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for _, b := range got.Binaries {
		long := b.Summary.Long
		if long.Functions < 2000 || 200*long.Entry[refusedTactic] > long.Functions {
			t.Errorf("%s: %d of %d functions are refused", b.Path, long.Entry[refusedTactic], long.Functions)
		}
	}
	var trapped struct{ Binaries []binaryView }
	if err := json.Unmarshal([]byte(u.must("check", "--json", "--traps", "libc", "libstdc++", "libcrypto", "redis-server", "/usr/bin/python3").stdout), &trapped); err != nil {
		t.Fatal(err)
	}
	for _, b := range trapped.Binaries {
		if long := b.Summary.Long; long.Entry[refusedTactic] > 0 {
			t.Errorf("%s: with traps %d of %d functions are refused: %+v", b.Path, long.Entry[refusedTactic], long.Functions, b.Summary.Refusals)
		}
	}
	if s := got.Binaries[0].Summary.Syscalls; s.Sites < 300 || s.Tactics[refusedTactic] > 2 {
		t.Errorf("%s: %+v", got.Binaries[0].Path, s)
	}
}

// TestProgress: long work shows where it is on a terminal, and wipes that away.
func TestProgress(t *testing.T) {
	u := newUser(t)
	ours, theirs := terminal(t)
	cmd := u.command("check", "libc")
	cmd.Stderr = theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	shown, _ := io.ReadAll(ours) // ends with an error when nobody has the other side open
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := string(shown); !strings.HasPrefix(s, "\r\x1b[Klibc.so.6: 0 of ") || !strings.Contains(s, "\r\x1b[Klibc.so.6: 1000 of ") || !strings.HasSuffix(s, "\r\x1b[K") {
		t.Errorf("%q", s)
	}
}

// TestDoctor: where tracing works, every check is there and none fails.
func TestDoctor(t *testing.T) {
	u := newUser(t)
	var got struct{ Checks []finding }
	if err := json.Unmarshal([]byte(u.must("doctor", "--json").stdout), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got.Checks {
		names = append(names, f.Check)
		if f.Found == "" || f.Status != statusOK && f.Status != statusWarn {
			t.Errorf("%+v", f)
		}
	}
	const all = "system, agent, C library, run directory, space, limits, memfd, /proc/self/mem, seccomp, ptrace, kernel eBPF, test"
	if got := strings.Join(names, ", "); got != all {
		t.Errorf("checks %s\nwant   %s", got, all)
	}
	text := u.must("doctor").stdout
	u.columns("doctor", text)
	if !strings.Contains(text, "\nok    test            /bin/true was traced: exit was called once\n") {
		t.Error(text)
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestDoctorFinds: what is wrong is named with its fix, and the exit code says so.
func TestDoctorFinds(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(u *user)
		want    []string
		code    int
	}{
		"no agent": {func(u *user) { u.env = []string{"BPFTIME_AGENT=/nowhere/agent.so"} }, []string{
			"fail  agent           no agent at /nowhere/agent.so: build it with ./build.sh,\n" +
				"                      or set BPFTIME_AGENT to its path\n" +
				"                      fix: ./build.sh makes it in build/; elsewhere, set\n" +
				"                           BPFTIME_AGENT\n",
			"fail  test            tracing /bin/true: no agent at "}, 1},
		"agent does not work": {func(u *user) {
			u.env = []string{"BPFTIME_AGENT=" + victim(u.t, "empty.so", "empty.c", "-shared", "-fPIC")}
		}, []string{
			"ok    agent           ", "fail  test            tracing /bin/true: the agent did not start: "}, 1},
		"agent is for root only": {func(u *user) {
			b, err := os.ReadFile(filepath.Join(bin, agentName))
			if err == nil {
				err = os.WriteFile(filepath.Join(u.dir, "agent.so"), b, 0o700)
			}
			if err != nil {
				u.t.Fatal(err)
			}
			u.env = []string{"BPFTIME_AGENT=agent.so"}
		}, []string{"warn  agent           ", "ok    test "}, 0},
		"run directory of others": {func(u *user) { u.directory(u.rundir, 0o777) }, []string{"fail  run directory   others may write to", "fix: chmod 700", "fail  test "}, 1},
		"run directory is a file": {func(u *user) { u.write("rundir", "") }, []string{"fail  run directory   ", "is no directory"}, 1},
		"run directory is relative": {func(u *user) { u.env = []string{"BPFTIME_RUNDIR=here"} }, []string{"fail  run directory   BPFTIME_RUNDIR: the path \"here\" is relative",
			"fail  space           no run directory"}, 1},
		"run directory lies nowhere": {func(u *user) { u.env = []string{"BPFTIME_RUNDIR=" + u.dir + "/a/b"} }, []string{"fail  run directory   ", "is not there, and"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			c.prepare(u)
			r := u.run("doctor")
			if r.code != c.code || r.stderr != "" {
				t.Errorf("exit code %d, want %d; standard error %q", r.code, c.code, r.stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("no %q in\n%s", want, r.stdout)
				}
			}
		})
	}
}

// TestDoctorLimits: a resource limit of the shell is found.
func TestDoctorLimits(t *testing.T) {
	u := newUser(t)
	cmd := u.command()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -f 100; bpftime doctor"}
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "fail  limits          ulimit -f is 0.0 MiB, 16.0 MiB is needed\n                      fix: ulimit -f unlimited\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

package gadgets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/vm/object"
)

// TestInStep compiles every gadget again: what is committed has the same
// instructions and maps.
func TestInStep(t *testing.T) {
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("no clang")
	}
	if _, err := os.Stat("/usr/include/bpf/bpf_helpers.h"); err != nil {
		t.Skip("no libbpf-dev")
	}
	dir := t.TempDir()
	if out, err := exec.Command("bpf/rebuild.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("rebuild.sh: %v\n%s", err, out)
	}
	for _, g := range gadgets.All {
		fresh, err := os.ReadFile(filepath.Join(dir, g.Name+".bpf.o"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := describe(t, g.Name, g.Object), describe(t, g.Name, fresh); got != want {
			t.Errorf("%s.bpf.o is not what %s.bpf.c gives: run rebuild.sh\ncommitted:\n%s\nfresh:\n%s", g.Name, g.Name, got, want)
		}
	}
}

// describe is everything of an object that matters, as text.
func describe(t *testing.T, name string, image []byte) string {
	t.Helper()
	spec, err := object.Load(name, image)
	if err != nil {
		t.Fatal(err)
	}
	o, err := object.Link(spec, object.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range o.Maps {
		fmt.Fprintln(&b, m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	}
	for _, ps := range spec.Programs {
		p, err := o.Program(ps.Name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, p.Name, p.SEC.Name)
		fmt.Fprintln(&b, p.Prog.Instructions())
	}
	return b.String()
}

func show(s gadgets.Setup) string {
	var b strings.Builder
	for _, p := range s.Programs {
		for _, a := range p.At {
			fmt.Fprintf(&b, "%s %v %d\n", p.Program, a.Spec, a.Cookie)
		}
	}
	for _, m := range s.Maps {
		fmt.Fprintf(&b, "map %s %d\n", m.Name, m.MaxEntries)
	}
	for _, c := range s.Rodata {
		fmt.Fprintf(&b, "%s = %v\n", c.Name, c.Value)
	}
	return b.String()
}

func TestExpand(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"funccount libc:malloc uretprobe/libc:free", "count uprobe/libc:malloc 0\ncount uretprobe/libc:free 1\n"},
		{"funcsum uretprobe/libc:read uprobe/libc:malloc", "on_entry uprobe/libc:malloc 1\non_return uretprobe/libc:read 0\nmap sums 2\n"},
		{"funclatency libc:read", "on_entry uprobe/libc:read 0\non_return uretprobe/libc:read 0\n"},
		{"funclatency uretprobe//usr/sbin/nginx:f", "on_entry uprobe//usr/sbin/nginx:f 0\non_return uretprobe//usr/sbin/nginx:f 0\n"},
		{"funclatency kretsyscall/read", "on_entry ksyscall/read 0\non_return kretsyscall/read 0\n"},
		{"funccount ksyscall/read tp/syscalls/sys_exit_newfstat", "count ksyscall/read 0\ncount tracepoint/syscalls/sys_exit_newfstat 1\n"},
		{"funcsum kretsyscall/write", "on_return kretsyscall/write 0\nmap sums 1\n"},
		{"funccount libc:mem* libc:?", "count uprobe.multi/libc:mem* 0\ncount uprobe.multi/libc:? 1\n"},
		{"funccount a:f(char*)", "count uprobe/a:f(char*) 0\n"},
		{"mallocs", ""},
		{"opensnoop", ""},
		{"opensnoop -x -p 7", "only_pid = 7\nonly_failed = true\n"},
		{"opensnoop -Txu0 --tid=9 -n ls", "only_tid = 9\nonly_uid = 0\nonly_failed = true\n"},
		{"opensnoop --pid 12 --failed -d5 -eTU", "only_pid = 12\nonly_failed = true\n"},
		{"execsnoop -x --max-args 30 -l /etc -q", "max_args = 30\n"},
		{"syscount", "count tracepoint/raw_syscalls/sys_enter 0\n"},
		{"syscount -p 7 -T 3", "count tracepoint/raw_syscalls/sys_enter 0\nonly_pid = 7\n"},
		{"syscount -P", "count_process tracepoint/raw_syscalls/sys_enter 0\nby_process = true\n"},
		{"syscount -x", "leave tracepoint/raw_syscalls/sys_exit 0\nonly_failed = true\n"},
		{"syscount -e ENOENT", "leave tracepoint/raw_syscalls/sys_exit 0\nonly_errno = 2\n"},
		{"syscount -e2 -P", "leave tracepoint/raw_syscalls/sys_exit 0\nonly_errno = 2\nby_process = true\n"},
		{"syscount -Lm", "enter tracepoint/raw_syscalls/sys_enter 0\nleave tracepoint/raw_syscalls/sys_exit 0\ntimed = true\n"},
		{"syscount -H -x", "enter tracepoint/raw_syscalls/sys_enter 0\nleave tracepoint/raw_syscalls/sys_exit 0\nonly_failed = true\ntimed = true\n"},
	} {
		words := strings.Fields(c.line)
		g, err := gadgets.Find(words[0])
		if err != nil {
			t.Fatal(err)
		}
		setup, err := g.Expand(words[1:])
		if got := show(setup); err != nil || got != c.want {
			t.Errorf("%s: %v\n%swant\n%s", c.line, err, got, c.want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"funccount":                          "funccount: nothing to attach to; use: funccount SPEC…",
		"funclatency libc:a libc:b":          "funclatency: 2 functions are too many for one histogram; use: funclatency SPEC",
		"funclatency uprobe/libc:read+4":     "funclatency: uprobe/libc:read+0x4 is no function; use: funclatency SPEC",
		"funclatency libc:re*d":              "funclatency: uprobe.multi/libc:re*d is no function; use: funclatency SPEC",
		"funclatency uprobe.multi/libc:mem*": "funclatency: uprobe.multi/libc:mem* is no function; use: funclatency SPEC",
		"funcsum ksyscall/read":              "funcsum: ksyscall/read is no function; of system calls there are sums of results: kretsyscall/NAME; use: funcsum SPEC…",
		"funcsum tp/syscalls/sys_exit_read":  "funcsum: tracepoint/syscalls/sys_exit_read is no function; of system calls there are sums of results: kretsyscall/NAME; use: funcsum SPEC…",
		"funclatency raw_tp/sys_enter":       "funclatency: raw_tracepoint/sys_enter is no function; use: funclatency SPEC",
		"funcsum usdt/libc:libc:setjmp":      "funcsum: usdt/libc:libc:setjmp is no function: where its arguments are differs from place to place; use: funcsum SPEC…",
		"mallocs libc:malloc":                `mallocs: it takes no argument, not ["libc:malloc"]; use: mallocs`,
		"opensnoop ls":                       `opensnoop: it takes options only, not "ls"; use: opensnoop [OPTION]…`,
		"opensnoop -y":                       `opensnoop: unknown option -y; use: opensnoop [OPTION]…`,
		"opensnoop -xp":                      `opensnoop: -p needs PID; use: opensnoop [OPTION]…`,
		"opensnoop --pid":                    `opensnoop: --pid needs PID; use: opensnoop [OPTION]…`,
		"opensnoop --pid -1":                 `opensnoop: --pid "-1" is no number; use: opensnoop [OPTION]…`,
		"opensnoop -p 4294967296":            `opensnoop: -p "4294967296" is no number; use: opensnoop [OPTION]…`,
		"opensnoop --failed=yes":             `opensnoop: --failed takes no argument; use: opensnoop [OPTION]…`,
		"opensnoop --fail":                   `opensnoop: unknown option --fail; use: opensnoop [OPTION]…`,
		"syscount -e ENOPE":                  `syscount: -e "ENOPE" is no number; use: syscount [OPTION]…`,
		"opensnoop -":                        `opensnoop: it takes options only, not "-"; use: opensnoop [OPTION]…`,
		"execsnoop --max-args 61":            `execsnoop: --max-args 61 is not between 1 and 60; use: execsnoop [OPTION]…`,
		"execsnoop -p 7":                     `execsnoop: unknown option -p; use: execsnoop [OPTION]…`,
	} {
		words := strings.Fields(line)
		g, err := gadgets.Find(words[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Expand(words[1:]); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", line, err, want)
		}
	}
	if _, err := gadgets.Find("funcount"); err == nil || !strings.Contains(err.Error(), "there are execsnoop, funccount, funclatency, funcsum, mallocs, opensnoop, syscount") {
		t.Errorf("funcount: %v", err)
	}
}

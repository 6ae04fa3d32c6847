package objects

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// bad is a manifest that cannot be followed, wholly or in part.
type bad struct {
	name     string
	manifest string
	want     string // a regular expression for what the log says; DIR stands for the directory of the manifest
	runs     bool   // what is good in it runs
}

// addOnly attaches one program of refused.bpf.o, and the good one.
const addOnly = "objects:\n  - path: OBJ/refused.bpf.o\n    attach: {good: \"uprobe//proc/self/exe:add\", %s: \"uprobe//proc/self/exe:add\"}\n"

// atCall is the same with a program at a system call.
const atCall = "objects:\n  - path: OBJ/refused.bpf.o\n    attach: {good: \"uprobe//proc/self/exe:add\", %s: \"%s\"}\n"

var manifests = []bad{
	{"no YAML", "objects: [", `m\.yaml:1:11: `, false},
	{"unknown key", "objects:\n  - path: OBJ/refused.bpf.o\n    atach: {}\n", `m\.yaml:3:5: unknown key "atach"; did you mean "attach"\?`, false},
	{"no such object", "objects:\n  - path: /nowhere/x.bpf.o\n", `m\.yaml:2:5: /nowhere/x\.bpf\.o: no such file or directory`, false},
	{"no object", "objects:\n  - path: TARGET\n", `m\.yaml:2:5: TARGET: machine code for EM_X86_64; compile it with clang`, false},
	{"no such program", fmt.Sprintf(addOnly, "goood"), `refused\.goood .*/refused\.bpf\.o: there is no program "goood"; did you mean "good"\?`, true},
	{"no such function", "objects:\n  - path: OBJ/refused.bpf.o\n    attach: {good: [\"uprobe//proc/self/exe:add\", \"uprobe//proc/self/exe:ad\"]}\n",
		`uprobe//proc/self/exe:ad: TARGET: symbol "ad": no such symbol`, true},
	{"no such constant", "objects:\n  - path: OBJ/refused.bpf.o\n    rodata: {min_us: 1}\n", `m\.yaml:3:22: .*refused\.bpf\.o: .*no constant "min_us"`, false},
	{"no such map", "objects:\n  - path: OBJ/refused.bpf.o\n    maps: {starts: {shared: true}}\n", `m\.yaml:3:12: .*refused\.bpf\.o: .*no map "starts"`, false},
	{"a helper that is not here", fmt.Sprintf(addOnly, "helper"), `program helper: insn \d+ \(.*refused\.bpf\.c:\d+\): call of bpf_timer_init#169, which does not exist here: a timer fires while no probe is hit, and the agent has no thread and no signal; keep the time in a map, and compare it at the next probe`, true},
	{"a type of maps that is not here", fmt.Sprintf(addOnly, "far"), `map type 14 is not supported`, true},
	{"a map of a wrong type", fmt.Sprintf(addOnly, "wrong"), `program wrong: insn \d+ \(.*refused\.bpf\.c:\d+\): call 130: bpf_ringbuf_output#130 cannot be given map "timers" of type array: it takes ringbuf`, true},
	{"a kernel function", fmt.Sprintf(addOnly, "kfunc"), `program kfunc: insn \d+ \(.*refused\.bpf\.c:\d+\): .*no_such_kfunc`, true},
	{"a kernel type", fmt.Sprintf(addOnly, "type"), `program type: insn \d+ \(.*refused\.bpf\.c:\d+\): .*no_such_type`, true},
	{"writes beyond the context", fmt.Sprintf(addOnly, "writes"), `program writes: insn \d+ \(.*refused\.bpf\.c:\d+\): .*8 bytes at byte 168 of the context, which has 168`, true},
	{"reads beyond the context", fmt.Sprintf(addOnly, "beyond"), `program beyond: insn \d+ \(.*refused\.bpf\.c:\d+\): .*8 bytes at byte 168 of the context, which has 168`, true},
	{"no such call", fmt.Sprintf(atCall, "common", "tp/syscalls/sys_enter_opnat"), `m\.yaml:3:57: .*"opnat" is no system call; did you mean "openat"\?`, false},
	{"a tracepoint of the kernel", fmt.Sprintf(atCall, "common", "tp/sched/sched_switch"), `m\.yaml:3:57: .*tracepoints of sched are in the kernel, out of a process's reach; those of syscalls and raw_syscalls are not`, false},
	{"the common fields of a tracepoint", fmt.Sprintf(atCall, "common", "tp/syscalls/sys_enter_getppid"), `program common: insn \d+ \(.*\): .*2 bytes at byte 0 of the context, whose first 8 no program may read`, true},
	{"arguments behind the call", fmt.Sprintf(atCall, "argument_behind", "tp/syscalls/sys_exit_getppid"), `8 bytes at byte 24 of the context, which has 24`, true},
	{"arguments of a call changed", fmt.Sprintf(atCall, "changes", "tp/raw_syscalls/sys_enter"), `program changes: insn \d+ \(.*\): .*writes to the context`, true},
	{"a third argument of a raw tracepoint", fmt.Sprintf(atCall, "third", "raw_tp/sys_enter"), `8 bytes at byte 16 of the context, which has 16`, true},
	{"returns for a call", fmt.Sprintf(atCall, "overrides", "ksyscall/getppid"), `only at a function's entry can a program return for it: bpf_override_return \(insn \d+, refused\.bpf\.c:\d+\)`, true},
	{"arguments of no function", fmt.Sprintf(atCall, "asks_args", "tp_btf/sys_enter"), `the arguments of a system call are in the context of its program: bpf_get_func_arg, _ret and _arg_cnt are about functions \(insn \d+, refused\.bpf\.c:\d+\)`, true},
	{"a program for functions at a call", fmt.Sprintf(atCall, "writes", "ksyscall/getppid"), `program writes: insn \d+ \(.*\): .*8 bytes at byte 168 of the context, which has 168|writes to the context`, true},
}

// TestBadManifests: what is wrong is said with its place. The program runs as if nothing were there, or with what is good;
// with on_error: abort it does not start.
func TestBadManifests(t *testing.T) {
	for _, b := range manifests {
		t.Run(b.name, func(t *testing.T) {
			c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: host.WorkDir(t)}
			tr := trace(t, anyVariant(t), b.manifest)
			host.Compare(t, c, tr)
			wantSaid(t, tr, b.want)
			if b.runs {
				if runs := globals(t, tr, "refused", "bss")["runs"]; runs != 7 {
					t.Errorf("the good program ran %d times, want 7", runs)
				}
			}
			if b.name != "no YAML" { // of which nothing is known, on_error neither
				wantAbort(t, c, tr, b.want)
			}
		})
	}
}

// pattern is a regular expression in which TARGET stands for the target's path.
func pattern(t *testing.T, text string) *regexp.Regexp {
	t.Helper()
	return regexp.MustCompile(strings.ReplaceAll(text, "TARGET", regexp.QuoteMeta(target(t))))
}

// wantSaid: a line of the log, an error or a warning, matches.
func wantSaid(t *testing.T, tr *host.Trace, want string) {
	t.Helper()
	log := tr.Log(t)
	if !slices.ContainsFunc(log, pattern(t, ` (error|warn): .*`+want).MatchString) {
		t.Errorf("log %q\nwant %s", log, want)
	}
}

// wantAbort: with on_error: abort the program does not start, and says the same.
func wantAbort(t *testing.T, c host.Cmd, tr *host.Trace, want string) {
	t.Helper()
	tr.Text += "\non_error: abort\n"
	r := host.Run(t, c, tr)
	if r.Exit != 125 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !pattern(t, "^bpftime: .*"+want).MatchString(r.Stderr) {
		t.Errorf("abort: exit %d, stdout %q, stderr %q\nwant one line %s", r.Exit, r.Stdout, r.Stderr, want)
	}
}

// TestBrokenObjects: an object that was cut anywhere, or whose types are garbage, is refused by name.
func TestBrokenObjects(t *testing.T) {
	v := anyVariant(t)
	whole := v.image(t, "kinds")
	broken := map[string][]byte{"empty": nil}
	for i := range 8 {
		broken[fmt.Sprintf("cut_%d", i)] = whole[:len(whole)*i/8+i]
	}
	for _, section := range []string{".BTF", ".BTF.ext", ".symtab", ".strtab", ".reluprobe//proc/self/exe:add"} {
		broken["garbage_in_"+strings.FieldsFunc(section, func(r rune) bool { return strings.ContainsRune("./:", r) })[0]+fmt.Sprint(len(section))] = garbled(t, whole, section)
	}
	for name, image := range broken {
		t.Run(name, func(t *testing.T) {
			dir := host.WorkDir(t)
			path := filepath.Join(filepath.Dir(dir), name+".bpf.o")
			if err := os.WriteFile(path, image, 0o644); err != nil {
				t.Fatal(err)
			}
			c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: dir}
			tr := trace(t, v, "objects:\n  - path: "+path+"\n")
			host.Compare(t, c, tr)
			want := `m\.yaml:2:5: ` + regexp.QuoteMeta(path) + `: \w`
			wantSaid(t, tr, want)
			wantAbort(t, c, tr, want)
		})
	}
}

// garbled is the object with a section full of ones.
func garbled(t *testing.T, image []byte, section string) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section(section)
	out := bytes.Clone(image)
	for i := range s.Size {
		out[s.Offset+i] = 0xff
	}
	return out
}

// TestAnotherDefinition: a session's map is used again by who defines it so, and by nobody else: the log says what differs,
// and what is in the map stays.
func TestAnotherDefinition(t *testing.T) {
	for name, second := range map[string]struct{ maps, rodata, want string }{
		"max_entries": {maps: "{in_hash: {max_entries: 9}}", rodata: "{}", want: `maps/kinds\.in_hash: max_entries 100, wanted 9`},
		"constants":   {maps: "{}", rodata: "{unit: USEC}", want: `maps/globals\.rodata: byte \d+ of the constants is 0x1, wanted 0xe8`},
	} {
		t.Run(name, func(t *testing.T) {
			const manifest = "objects:\n  - path: OBJ/kinds.bpf.o\n    maps: %s\n  - path: OBJ/globals.bpf.o\n    rodata: %s\n"
			c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: host.WorkDir(t)}
			tr := lasting(t, c, trace(t, anyVariant(t), fmt.Sprintf(manifest, "{}", "{}")))
			host.Run(t, c, tr)
			wantQuiet(t, tr)
			before := table(t, tr, "kinds.in_hash")
			tr.Text = trace(t, anyVariant(t), fmt.Sprintf(manifest, second.maps, second.rodata)).Text
			host.Compare(t, c, tr)
			wantSaid(t, tr, second.want)
			wantAbort(t, c, tr, second.want)
			if after := table(t, tr, "kinds.in_hash"); name == "max_entries" && !maps.Equal(before, after) {
				t.Errorf("the map changed from %v to %v", before, after)
			}
		})
	}
}

// TestNoRoom: a map that does not fit into what is left is an error of the programs that use it; never a SIGBUS.
func TestNoRoom(t *testing.T) {
	host.RequireRoot(t)
	const session = 1617920
	for name, room := range map[string]int{"no session": session / 2, "no map": session + 1<<20, "enough": session + 1<<24} {
		t.Run(name, func(t *testing.T) {
			c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: host.WorkDir(t)}
			tr := lasting(t, c, trace(t, anyVariant(t), "objects:\n  - path: OBJ/large.bpf.o\n"))
			if err := unix.Mount("tmpfs", tr.RunDir, "tmpfs", 0, fmt.Sprintf("mode=700,size=%d", room)); err != nil {
				t.Skipf("cannot mount a tmpfs here: %v", err)
			}
			t.Cleanup(func() { unix.Unmount(tr.RunDir, unix.MNT_DETACH) })
			host.Compare(t, c, tr)
			switch name {
			case "enough":
				wantQuiet(t, tr)
				wantHits(t, tr, "large.fills", 7)
			case "no map":
				const want = `maps/large\.large: reserving \d+ bytes: no space left on device`
				wantSaid(t, tr, "large.fills uprobe//proc/self/exe:add: .*"+want)
				wantHits(t, tr, "large.without", 7)
				wantAbort(t, c, tr, want)
			case "no session":
				wantAbort(t, c, tr, "cannot be opened in "+regexp.QuoteMeta(tr.RunDir)+": no space left")
			}
		})
	}
}

// TestForeignSessions: a directory of another user's, and one that cannot be written, are not used; nothing is there to
// say so in, but with on_error: abort.
func TestForeignSessions(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"session of another user": func(dir string) error { return os.Mkdir(filepath.Join(dir, "default"), 0o700) },
		"unwritable":              func(dir string) error { return os.Chmod(dir, 0o555) },
		"unreachable":             func(dir string) error { return os.Chmod(dir, 0) },
		"a file":                  func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: host.WorkDir(t)}
			tr := lasting(t, c, trace(t, anyVariant(t), "objects:\n  - path: OBJ/kinds.bpf.o\n"))
			if name == "session of another user" {
				host.RequireRoot(t)
			}
			if os.Geteuid() == 0 { // who may write everywhere
				c.User = host.Nobody
				if err := os.Chown(tr.RunDir, 65534, 65534); err != nil {
					t.Fatal(err)
				}
			}
			if err := spoil(tr.RunDir); err != nil {
				t.Fatal(err)
			}
			host.Compare(t, c, tr)
			wantAbort(t, c, tr, regexp.QuoteMeta(tr.RunDir))
		})
	}
}

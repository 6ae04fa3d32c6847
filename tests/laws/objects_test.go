package laws

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// An object is one C or assembly file of a package, compiled as cgo compiles it.
type object struct {
	source string // "preload/gate.c"
	file   string
}

var compiled = map[string][]object{} // by package

// objects compiles the C and assembly of the packages with the flags of their cgo lines, once.
func objects(t *testing.T, packages ...string) (list []object) {
	t.Helper()
	for _, pkg := range packages {
		if compiled[pkg] == nil {
			compiled[pkg] = compile(t, pkg)
		}
		list = append(list, compiled[pkg]...)
	}
	return list
}

// cgoFlags matches the flags of a package's C, which lie in the comments of its Go files.
var cgoFlags = regexp.MustCompile(`(?m)^// #cgo CFLAGS: (.*)$`)

func compile(t *testing.T, pkg string) (list []object) {
	t.Helper()
	dir := filepath.Join(host.Root(t), pkg)
	args := []string{"-fPIC", "-pthread", "-g"}
	for _, name := range glob(t, dir, "*.go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range cgoFlags.FindAllStringSubmatch(string(text), -1) {
			args = append(args, strings.Fields(strings.ReplaceAll(m[1], "${SRCDIR}", dir))...)
		}
	}
	for _, source := range append(glob(t, dir, "*.c"), glob(t, dir, "*.S")...) {
		name := filepath.Base(source)
		o := object{pkg + "/" + name, filepath.Join(host.BinDir(t), strings.ReplaceAll(pkg, "/", "-")+"-"+name+".o")}
		if msg, err := exec.Command("gcc", append(slices.Clone(args), "-c", "-o", o.file, source)...).CombinedOutput(); err != nil {
			t.Fatalf("gcc %q %s: %v\n%s", args, source, err, msg)
		}
		list = append(list, o)
	}
	if len(list) == 0 || !slices.Contains(args, "-O2") {
		t.Fatalf("%s: no C, or no flags for it: %q", pkg, args)
	}
	return list
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (o object) code(t *testing.T) []insn {
	t.Helper()
	list := disassemble(t, "-dr", o.file)
	if len(list) == 0 {
		t.Errorf("%s: no instruction", o.source)
	}
	return list
}

// resident is all C and assembly of the agent: it runs in the traced process, before main, in dlopen, or at each hit.
var resident = []string{"preload", "internal/native"}

// TestGeneralRegisters: law 2. What stays in the host, and what runs in its constructor, touches no vector state, which
// nobody saved, and no flags by popf, which costs more than three probes. On the way of a hit, nothing below rsp either.
func TestGeneralRegisters(t *testing.T) {
	for _, o := range objects(t, resident...) {
		for _, i := range o.code(t) {
			switch {
			case i.usesVectors():
				t.Errorf("%s: %v: vector or floating-point state", o.source, i)
			case i.popsFlags():
				t.Errorf("%s: %v: popf", o.source, i)
			case i.usesRedZone() && strings.HasPrefix(o.source, "internal/native"):
				t.Errorf("%s: %v: the red zone", o.source, i)
			case i.name == "(bad)":
				t.Errorf("%s: %v", o.source, i)
			}
		}
	}
}

// borders are the symbols that a file may take from elsewhere than our own C and assembly, with the reason.
var borders = map[string]map[string]string{
	"preload/gate.c": {
		"environ":      "the environment, before main",
		"_DYNAMIC":     "the linker's: .init_array of an agent that was not finished",
		"getauxval":    "AT_SECURE, before main; musl and glibc have it",
		"__ehdr_start": "the linker's: where the agent is",
	},
	"preload/compiler.c": {"getauxval": "what Go wants to know, in the compiler's process", "bpftimeCompile": "Go, in the compiler's process"},
	"preload/deferred.c": {"__ehdr_start": "the linker's: where the agent is"},
	"preload/late.c":     {"getauxval": "AT_BASE, when the plan was applied, before main"},
	"preload/place.c":    {"__ehdr_start": "the linker's: where the agent is", "etext": "the linker's: and where its text ends"},
	"preload/vdso.c":     {"getauxval": "AT_SYSINFO_EHDR, before main"},
}

// TestBorders: law 1. Nothing calls libc, nor the compiler's own functions (memcpy, __stack_chk_fail), but for the few that
// are listed. The hot path's files have no exception.
func TestBorders(t *testing.T) {
	defined, wanted := map[string]bool{}, map[string][]string{}
	for _, o := range objects(t, resident...) {
		for _, s := range symbols(t, o.file) {
			if s.undefined {
				wanted[o.source] = append(wanted[o.source], s.name)
			} else {
				defined[s.name] = true
			}
		}
	}
	for source, names := range wanted {
		for _, name := range names {
			if _, ok := borders[source][name]; !ok && !defined[name] && name != "_GLOBAL_OFFSET_TABLE_" {
				t.Errorf("%s needs %s, which is not our own", source, name)
			}
		}
	}
	for source, allowed := range borders {
		for name := range allowed {
			if !slices.Contains(wanted[source], name) && source != "preload/vdso.c" {
				t.Errorf("%s does not need %s any more: take it off the list", source, name)
			}
		}
	}
}

type symbol struct {
	name      string
	undefined bool
}

func symbols(t *testing.T, file string) (list []symbol) {
	t.Helper()
	out, err := exec.Command("nm", file).Output()
	if err != nil {
		t.Fatalf("nm: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		list = append(list, symbol{fields[len(fields)-1], len(fields) == 2 && strings.Contains("Uw", fields[0])})
	}
	return list
}

// canary matches its address. With a register behind it, the same number is a place in our own TLS.
var canary = regexp.MustCompile(`%fs:0x28([^(]|$)`)

// TestNoCanary: what a distribution's gcc adds by default reads the canary of a thread that may have none, or another.
func TestNoCanary(t *testing.T) {
	for _, o := range objects(t, resident...) {
		for _, i := range o.code(t) {
			if canary.MatchString(i.operands) {
				t.Errorf("%s: %v: the stack protector's canary is the host's", o.source, i)
			}
		}
	}
}

// toStub is how thunks at system calls go back to their stub: the kernel has left nothing of what the CPU knew of return
// addresses, so a ret would not pair with anything.
const toStub = "*(%rsp)"

// TestNoJumpTables: law 2. Code of the hot path jumps only to what it names; a table in data would be one more thing
// that can be wrong, or unmapped.
func TestNoJumpTables(t *testing.T) {
	for _, o := range objects(t, "internal/native") {
		for _, i := range o.code(t) {
			if cold[i.fn] != "" {
				continue
			}
			if strings.HasPrefix(i.name, "jmp") && strings.HasPrefix(i.operands, "*") && i.operands != toStub {
				t.Errorf("%s: %v: an indirect jump", o.source, i)
			}
			for _, r := range i.relocs {
				if strings.Contains(r, ".rodata") || strings.Contains(r, ".data.rel") {
					t.Errorf("%s: %v: %s: data beside the code", o.source, i, r)
				}
			}
		}
	}
}

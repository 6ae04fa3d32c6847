package trampoline_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/trampoline"
)

// A hazard is a function f of testdata/NAME.s that is hard to patch. The comment
// at the top of the file says what becomes of it:
//
//	# entry: TACTIC | refused: PART OF THE REASON
//	# return: TACTIC | refused: PART OF THE REASON
//	# exec: no            it is not called
//	# hits: N             how often a call passes the entry, when not once
//	# rdi: buffer         its first argument is a pointer
//	# at +0xN: TACTIC | refused: PART OF THE REASON       of a program at f+N
//	# at +0xN: TACTIC K                                   which a call passes K times
//
// testdata/NAME.golden, where it is, holds patches and stubs as they must be.
type hazard struct {
	name, source string
	entry, ret   string
	run          bool
	hits         uint64
	buffer       bool
	at           []at
}

// at is an instruction of f.
type at struct {
	off  uint64
	want string
	hits uint64
}

func hazards(t *testing.T) []hazard {
	t.Helper()
	sources, err := filepath.Glob("testdata/*.s")
	if err != nil || len(sources) < 60 {
		t.Fatalf("%d hazards below testdata: %v", len(sources), err)
	}
	if goldens, err := filepath.Glob("testdata/*.golden"); err != nil || len(goldens) < 21 {
		t.Fatalf("%d goldens below testdata: %v", len(goldens), err)
	}
	var out []hazard
	for _, s := range sources {
		out = append(out, readHazard(t, s))
	}
	return out
}

func readHazard(t *testing.T, source string) hazard {
	t.Helper()
	f, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := hazard{name: strings.TrimSuffix(filepath.Base(source), ".s"), source: source, run: true, hits: 1}
	for lines := bufio.NewScanner(f); lines.Scan() && strings.HasPrefix(lines.Text(), "#"); {
		key, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), ": ")
		if off, ok := strings.CutPrefix(key, "at +"); ok {
			h.at = append(h.at, readAt(t, off, value))
			continue
		}
		switch key {
		case "entry":
			h.entry = value
		case "return":
			h.ret = value
		case "exec":
			h.run = value != "no"
		case "rdi":
			h.buffer = value == "buffer"
		case "hits":
			if h.hits, err = strconv.ParseUint(value, 10, 8); err != nil {
				t.Fatalf("%s: %v", source, err)
			}
		}
	}
	if h.entry == "" || h.ret == "" {
		t.Fatalf("%s: its first lines do not say what becomes of entry and return", source)
	}
	return h
}

func readAt(t *testing.T, off, value string) at {
	t.Helper()
	p := at{want: value, hits: 1}
	if tactic, hits, ok := strings.Cut(value, " "); ok && !strings.HasPrefix(value, "refused") {
		p.want = tactic
		if _, err := fmt.Sscan(hits, &p.hits); err != nil {
			t.Fatalf("at +%s: %q: %v", off, value, err)
		}
	}
	if _, err := fmt.Sscan(off, &p.off); err != nil {
		t.Fatalf("at +%s: %v", off, err)
	}
	return p
}

func (p at) refused() bool { return strings.HasPrefix(p.want, "refused") }

// build assembles the hazard into a shared object.
func (h hazard) build(t *testing.T) string {
	t.Helper()
	return link(t, h.name, h.source)
}

// assemble builds a source that is no file.
func assemble(t *testing.T, name, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".s")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return link(t, name, path)
}

func link(t *testing.T, name, source string) string {
	t.Helper()
	so := filepath.Join(t.TempDir(), name+".so")
	cmd := exec.Command("gcc", "-shared", "-nostdlib", "-Wl,-z,noexecstack", "-Wl,--build-id", "-Wa,-I,testdata", "-o", so, source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return so
}

func openFile(t *testing.T, path string) *elfsym.File {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// place puts a program on the entry, the return, or both, of f.
func place(t *testing.T, file *elfsym.File, entry, ret bool) (a *trampoline.Arena, e, r trampoline.Outcome) {
	t.Helper()
	symbols, err := file.Lookup("f")
	if err != nil || len(symbols) != 1 {
		t.Fatalf("f: %v, %v", symbols, err)
	}
	addr := symbols[0].Value
	a = newArena(file, addr)
	var onEntry, onReturn []trampoline.Program
	if entry {
		onEntry = []trampoline.Program{{Link: 0}}
	}
	if ret {
		onReturn = []trampoline.Program{{Link: 1}}
	}
	e, r = trampoline.Place(a, addr, onEntry, onReturn)
	if e.Err != nil {
		a.Last()
		e, r = trampoline.Place(a, addr, onEntry, onReturn)
	}
	return a, e, r
}

// newArena is an arena with one empty program at offset 0.
func newArena(file *elfsym.File, addrs ...uint64) *trampoline.Arena {
	a := trampoline.NewArena(&plan.Unit{Path: "f.so", BuildID: []byte{1}}, file, addrs)
	a.Emit(0x31, 0xc0, 0xc3) // xor %eax, %eax; ret
	return a
}

var tacticNames = map[string]uint32{
	"jump": abi.TACTIC_JUMP, "padding": abi.TACTIC_PADDING, "short": abi.TACTIC_SHORT, "evict": abi.TACTIC_EVICT,
	"return-a": abi.TACTIC_RETURN_A, "return-b": abi.TACTIC_RETURN_B, "return-c": abi.TACTIC_RETURN_C, "return-d": abi.TACTIC_RETURN_D,
}

// check compares an outcome with what the source says of it.
func check(t *testing.T, half string, got trampoline.Outcome, want string) {
	t.Helper()
	why, refused := strings.CutPrefix(want, "refused: ")
	var r *trampoline.Refusal
	switch {
	case refused && got.Err == nil:
		t.Errorf("%s: patched by tactic %d, want it refused: %s", half, got.Tactic, why)
	case refused && !errors.As(got.Err, &r):
		t.Errorf("%s: the error %v is no *Refusal", half, got.Err)
	case refused && !strings.Contains(r.Why, why):
		t.Errorf("%s: refused: %q, want %q", half, r.Why, why)
	case !refused && got.Err != nil:
		t.Errorf("%s: refused: %v, want %s", half, got.Err, want)
	case !refused && (tacticNames[want] == 0 || got.Tactic != tacticNames[want]):
		t.Errorf("%s: tactic %d, want %s", half, got.Tactic, want)
	}
}

func TestHazards(t *testing.T) {
	for _, h := range hazards(t) {
		t.Run(h.name, func(t *testing.T) {
			file := openFile(t, h.build(t))
			a, e, r := place(t, file, true, true)
			check(t, "entry", e, h.entry)
			check(t, "return", r, h.ret)
			checkUnit(t, file, a.Unit)
			h.checkHalves(t, file)
			h.checkGolden(t, file)
		})
	}
}

// checkHalves: what one half becomes does not depend on whether the other is
// probed, and a half that is not asked for is neither patched nor refused.
func (h hazard) checkHalves(t *testing.T, file *elfsym.File) {
	t.Helper()
	_, e, _ := place(t, file, true, false)
	check(t, "entry alone", e, h.entry)
	a, _, r := place(t, file, false, true)
	check(t, "return alone", r, h.ret)
	if r.Err != nil && (len(a.Patches) > 0 || len(a.Code) != len(newArena(file).Code)) {
		t.Errorf("the refused return left %d patches and %d bytes of code", len(a.Patches), len(a.Code))
	}
}

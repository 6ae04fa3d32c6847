package trampoline_test

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/trampoline"
)

// swept are the files whose every function is placed; of a file with more than
// sample functions each nth is, unless BPFTIME_TORTURE=1.
var swept = []string{
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib/x86_64-linux-gnu/libm.so.6",
	"/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/bin/redis-server",
	"/usr/bin/python3.11",
}

const sample = 2000

// TestSweep places entry and return of the functions of whole libraries: whatever
// is not refused is a unit that an applier accepts, and no patch touches a byte of
// another, or one that a symbol, a pointer in data or an exception enters.
func TestSweep(t *testing.T) {
	found := 0
	for _, path := range swept {
		if _, err := os.Stat(path); err != nil {
			continue // another system, or not installed; libc is everywhere
		}
		found++
		t.Run(path[strings.LastIndex(path, "/")+1:], func(t *testing.T) { sweep(t, path) })
	}
	if found == 0 {
		t.Fatalf("none of %v is here", swept)
	}
}

// tally counts what became of the functions.
type tally struct {
	functions, entry int
	last             bool // what is refused now stays so
	tactics          map[uint32]int
	reasons          map[string][]uint64 // of refusals, with the functions
}

func sweep(t *testing.T, path string) {
	file := openFile(t, path)
	fns := file.Functions()
	step := 1
	if os.Getenv("BPFTIME_TORTURE") != "1" {
		step = max(1, len(fns)/sample)
	}
	var addrs []uint64
	for i := 0; i < len(fns); i += step {
		addrs = append(addrs, fns[i].Lo)
	}
	a := newArena(file, addrs...)
	program := []trampoline.Program{{}}
	y := tally{tactics: map[uint32]int{}, reasons: map[string][]uint64{}}
	place := func(addr uint64) bool {
		patches := len(a.Patches)
		e, r := trampoline.Place(a, addr, program, program)
		if (e.Err == nil) != (len(a.Patches) > patches) {
			t.Errorf("%#x: %d patches for the outcome %v", addr, len(a.Patches)-patches, e.Err)
		}
		if e.Err != nil && !y.last {
			return false
		}
		y.count(t, addr, e, r)
		return true
	}
	left := slices.DeleteFunc(addrs, place)
	a.Last()
	y.last = true
	for _, addr := range left {
		place(addr)
	}
	checkUnit(t, file, a.Unit)
	checkEntered(t, path, file, a)
	y.log(t)
	if 100*y.entry < 90*y.functions {
		t.Errorf("%d of %d entries are patched", y.entry, y.functions)
	}
}

var numbers = regexp.MustCompile(`\+?0x[0-9a-f]+|\([0-9a-f]+\)|\b\d+\b`)

func (y *tally) count(t *testing.T, addr uint64, e, r trampoline.Outcome) {
	t.Helper()
	y.functions++
	if e.Err == nil {
		y.entry++
		y.tactics[e.Tactic]++
	}
	if r.Err == nil {
		y.tactics[r.Tactic]++
	}
	for half, o := range map[string]trampoline.Outcome{"entry": e, "return": r} {
		var why *trampoline.Refusal
		switch {
		case o.Err == nil || half == "return" && e.Err != nil:
		case !errors.As(o.Err, &why):
			t.Errorf("%#x: %s: %v is no *Refusal", addr, half, o.Err)
		default:
			reason := half + ": " + numbers.ReplaceAllString(why.Why, "N")
			y.reasons[reason] = append(y.reasons[reason], addr)
		}
	}
}

func (y *tally) log(t *testing.T) {
	t.Helper()
	percent := func(n int) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(y.functions)) }
	t.Logf("%d functions; entry %s (jump %s, padding %s, short %s, evict %s); return a %s, b %s, c %s", y.functions, percent(y.entry),
		percent(y.tactics[abi.TACTIC_JUMP]), percent(y.tactics[abi.TACTIC_PADDING]), percent(y.tactics[abi.TACTIC_SHORT]), percent(y.tactics[abi.TACTIC_EVICT]), percent(y.tactics[abi.TACTIC_RETURN_A]),
		percent(y.tactics[abi.TACTIC_RETURN_B]), percent(y.tactics[abi.TACTIC_RETURN_C]))
	reasons := slices.Collect(maps.Keys(y.reasons))
	slices.SortFunc(reasons, func(a, b string) int { return cmp.Compare(len(y.reasons[b]), len(y.reasons[a])) })
	for _, reason := range reasons[:min(15, len(reasons))] {
		at := y.reasons[reason]
		t.Logf("%6d  %s  %#x", len(at), reason, at[:min(4, len(at))])
	}
}

// checkEntered looks for what this package is not told of: symbols and addresses
// in data that lie within a patch.
func checkEntered(t *testing.T, path string, file *elfsym.File, a *trampoline.Arena) {
	t.Helper()
	inside := map[uint64]uint64{}
	for _, p := range a.Patches {
		for at := p.Vaddr + 1; at < p.Vaddr+uint64(len(p.Text)); at++ {
			inside[at] = p.Vaddr
		}
	}
	for addr, what := range entrances(t, path) {
		if patch, ok := inside[addr]; ok {
			t.Errorf("the patch at %#x covers %#x: %s", patch, addr, what)
		}
	}
}

// entrances are addresses of code that symbols and relocations name, as
// debug/elf reads them.
func entrances(t *testing.T, path string) map[uint64]string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[uint64]string{}
	static, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	for _, s := range append(static, dynamic...) {
		if typ := elf.ST_TYPE(s.Info); s.Section != elf.SHN_UNDEF && (typ == elf.STT_FUNC || typ == elf.STT_GNU_IFUNC || typ == elf.STT_NOTYPE) {
			out[s.Value] = "the symbol " + s.Name
		}
	}
	if s := f.Section(".rela.dyn"); s != nil {
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		for ; len(b) >= 24; b = b[24:] {
			if elf.R_X86_64(f.ByteOrder.Uint32(b[8:])) == elf.R_X86_64_RELATIVE {
				out[f.ByteOrder.Uint64(b[16:])] = "a pointer in data"
			}
		}
	}
	return out
}

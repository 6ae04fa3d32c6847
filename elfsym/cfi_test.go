package elfsym

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/google/go-cmp/cmp"
)

// framesOf parses what readelf -wF prints: rules by function.
//
//	… CIE "zR" cf=1 df=-8 ra=16
//	   LOC           CFA      ra
//	0000000000000000 rsp+8    c-8
//
//	… FDE cie=00000000 pc=0000000000026000..0000000000026360
//	   LOC           CFA      ra
//	0000000000026000 rsp+16   c-8
//
// An FDE without rows has the rule of its CIE. It exits with 1 when it does not
// find separate debug information.
func framesOf(t *testing.T, path string) map[Func][]CFARow {
	fns := make(map[Func][]CFARow)
	initial := make(map[string]CFA)
	var fn Func
	var cie string // of which the rows are, empty in an FDE
	for line := range strings.Lines(run(t, "sh", "-c", "readelf -wF "+path+" 2>/dev/null; true")) {
		f := strings.Fields(line)
		switch {
		case len(f) > 3 && f[3] == "CIE":
			cie = f[0]
		case len(f) > 5 && f[3] == "FDE":
			lo, hi, _ := strings.Cut(strings.TrimPrefix(f[5], "pc="), "..")
			fn, cie = Func{parseHex(t, lo), parseHex(t, hi)}, ""
			fns[fn] = []CFARow{{fn.Lo, initial[strings.TrimPrefix(f[4], "cie=")]}}
		case len(f) > 1 && len(f[0]) == 16:
			row := CFARow{parseHex(t, f[0]), parseCFA(t, f[1])}
			if cie != "" {
				initial[cie] = row.CFA
				continue
			}
			rows := rowList(fns[fn])
			rows.add(row.PC, row.CFA)
			fns[fn] = rows
		}
	}
	return fns
}

// parseCFA reads rsp+16, or exp.
func parseCFA(t *testing.T, s string) CFA {
	if s == "exp" {
		return noCFA
	}
	i := strings.IndexAny(s, "+-")
	if i < 0 {
		t.Fatalf("readelf prints a CFA of %q", s)
	}
	off, err := strconv.ParseInt(s[i:], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for r := x86.RAX; r <= x86.R15; r++ {
		if r.String() == s[:i] {
			return CFA{Reg: r, Off: off, Known: true}
		}
	}
	t.Fatalf("readelf prints a CFA of %q", s)
	return CFA{}
}

// TestCFAsAgainstReadelf compares every rule of whole libraries.
func TestCFAsAgainstReadelf(t *testing.T) {
	paths := []string{libc, libstdcpp, ldso}
	if os.Getenv("BPFTIME_TORTURE") != "" {
		paths = append(paths, "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libm.so.6", "/usr/bin/perl", "/usr/bin/node")
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			f := open(t, path)
			want := framesOf(t, path)
			checkFunctions(t, f, want)
			rows := 0
			for fn, want := range want {
				got, err := f.CFAs(fn)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%x: %v, -want +got:\n%s", fn, err, diff)
				}
				rows += len(got)
			}
			t.Logf("%d functions, %d rows", len(want), rows)
			if rows < 200 {
				t.Errorf("only %d rows compared", rows)
			}
		})
	}
}

// checkFunctions holds Functions and FuncAt to the FDEs that readelf found.
func checkFunctions(t *testing.T, f *File, want map[Func][]CFARow) {
	fns := f.Functions()
	for i, fn := range fns {
		if fn.Lo >= fn.Hi || i > 0 && fns[i-1].Hi > fn.Lo {
			t.Fatalf("function %d is %x, after %x", i, fn, fns[max(i-1, 0)])
		}
	}
	other := open(t, f.Name()) // does not know the whole table
	for fn := range want {
		if _, found := slices.BinarySearchFunc(fns, fn, func(a, b Func) int { return int(a.Lo) - int(b.Lo) }); !found {
			t.Errorf("%x is no function", fn)
		}
		for _, at := range []uint64{fn.Lo, fn.Hi - 1} {
			if got, ok := other.FuncAt(at); !ok || got != fn {
				t.Errorf("FuncAt(%#x) = %x, %v; want %x", at, got, ok, fn)
			}
			if got, ok := f.FuncAt(at); !ok || got != fn {
				t.Errorf("FuncAt(%#x) = %x, %v when all FDEs are known; want %x", at, got, ok, fn)
			}
		}
	}
}

// frameCode has one function for each thing the interpreter does.
const frameCode = `
	.text
	.globl main, steps, saves, expr, far, none, signal
	.type steps,@function
steps:	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov %rsp,%rbp
	.cfi_def_cfa_register %rbp
	nop
	.cfi_escape 0x2e, 0x10                       # DW_CFA_GNU_args_size 16
	.cfi_undefined %r12
	.cfi_same_value %r13
	.cfi_register %r14, %r15
	.cfi_escape 0x10, 0x03, 0x02, 0x77, 0x08     # DW_CFA_expression rbx
	.cfi_escape 0x16, 0x06, 0x02, 0x77, 0x08     # DW_CFA_val_expression rbp
	.cfi_escape 0x14, 0x0c, 0x01                 # DW_CFA_val_offset r12
	.cfi_escape 0x15, 0x0c, 0x7f                 # DW_CFA_val_offset_sf r12
	.cfi_escape 0x11, 0x0d, 0x7f                 # DW_CFA_offset_extended_sf r13
	.cfi_escape 0x2f, 0x0d, 0x01                 # DW_CFA_GNU_negative_offset_extended r13
	.cfi_escape 0x05, 0x0e, 0x03                 # DW_CFA_offset_extended r14
	.cfi_escape 0x06, 0x0e                       # DW_CFA_restore_extended r14
	.cfi_restore %rbp
	pop %rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size steps,.-steps

	.type saves,@function
saves:	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_remember_state
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_restore_state
	nop
	.cfi_escape 0x12, 0x07, 0x7e                 # DW_CFA_def_cfa_sf rsp, -2 * -8
	nop
	.cfi_escape 0x13, 0x7d                       # DW_CFA_def_cfa_offset_sf -3 * -8
	nop
	ret
	.cfi_endproc
	.size saves,.-saves

	.type expr,@function
expr:	.cfi_startproc
	nop
	.cfi_escape 0x0f, 0x02, 0x77, 0x20           # DW_CFA_def_cfa_expression rsp+32
	nop
	.cfi_def_cfa_offset 24                       # does not end the expression
	nop
	.cfi_def_cfa_register %r12                   # does, with the offset
	nop
	.cfi_def_cfa 17, 8                           # xmm0
	ret
	.cfi_endproc
	.size expr,.-expr

	.type far,@function
far:	.cfi_startproc
	.skip 0x50, 0x90                             # DW_CFA_advance_loc1
	.cfi_def_cfa_offset 16
	.skip 0x300, 0x90                            # _loc2
	.cfi_def_cfa_offset 24
	.skip 0x20000, 0x90                          # _loc4
	.cfi_def_cfa_offset 32
	ret
	.cfi_endproc
	.size far,.-far

	.type none,@function
none:	nop
	ret
	.size none,.-none

	.type signal,@function
	.cfi_startproc
	.cfi_signal_frame
	nop                                          # the rules begin a byte early
signal:	.cfi_def_cfa %rsp, 160
	ret
	.cfi_endproc
	.size signal,.-signal

main:	.cfi_startproc
	xor %eax,%eax
	ret
	.cfi_endproc
`

func TestCFAsOfEveryInstruction(t *testing.T) {
	f := open(t, compile(t, "gcc", ".s", frameCode))
	known := func(r x86.Reg, off int64) CFA { return CFA{r, off, true} }
	rsp := func(off int64) CFA { return known(x86.RSP, off) }
	type row struct {
		at  uint64 // from the symbol on
		cfa CFA
	}
	for name, want := range map[string][]row{
		"steps": {{0, rsp(8)}, {1, rsp(16)}, {4, known(x86.RBP, 16)}, {6, rsp(8)}},
		"saves": {{0, rsp(8)}, {1, rsp(16)}, {2, rsp(8)}, {3, rsp(16)}, {5, rsp(24)}},
		"expr":  {{0, rsp(8)}, {1, noCFA}, {3, known(x86.R12, 24)}, {4, noCFA}},
		"far":   {{0, rsp(8)}, {0x50, rsp(16)}, {0x350, rsp(24)}, {0x20350, rsp(32)}},
	} {
		lo := lookup1(t, f, name).Value
		fn, ok := f.FuncAt(lo)
		if !ok || fn.Lo != lo {
			t.Fatalf("%s: FuncAt %x, %v", name, fn, ok)
		}
		var rows []CFARow
		for _, r := range want {
			rows = append(rows, CFARow{lo + r.at, r.cfa})
		}
		got, err := f.CFAs(fn)
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
	t.Run("without FDE", func(t *testing.T) {
		lo := lookup1(t, f, "none").Value
		fn, ok := f.FuncAt(lo)
		if !ok || fn != (Func{lo, lo + 2}) {
			t.Errorf("FuncAt %x, %v", fn, ok)
		}
		if rows, err := f.CFAs(fn); err == nil || !strings.Contains(err.Error(), "no FDE describes it") {
			t.Errorf("%v, %v", rows, err)
		}
	})
	t.Run("symbol behind the start", func(t *testing.T) {
		lo := lookup1(t, f, "signal").Value
		if fn, ok := f.FuncAt(lo); !ok || fn != (Func{lo - 1, lo + 1}) {
			t.Errorf("FuncAt(%#x) = %x, %v", lo, fn, ok)
		}
	})
	t.Run("a range over several", func(t *testing.T) {
		far, none := lookup1(t, f, "far").Value, lookup1(t, f, "none").Value
		want := []CFARow{{none - 1, rsp(32)}, {none, noCFA}, {none + 2, rsp(8)}, {none + 3, rsp(160)}}
		got, err := f.CFAs(Func{none - 1, none + 4})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("far at %#x: %v, -want +got:\n%s", far, err, diff)
		}
	})
}

// interpretBytes runs hand-written instructions over the code 0x1000-0x1010.
func interpretBytes(cieCode, fdeCode string) ([]CFARow, error) {
	d := fde{lo: 0x1000, hi: 0x1010, instructions: []byte(fdeCode),
		cie: &cie{codeAlign: 1, dataAlign: -8, encFDE: peUdata4, instructions: []byte(cieCode)}}
	var rows rowList
	err := d.interpret(&rows)
	return rows, err
}

func TestInterpretRefuses(t *testing.T) {
	for name, code := range map[string]string{
		"an unknown instruction":     "\x3f",
		"restore without remember":   "\x0b",
		"a cut-off operand":          "\x0c\x87",
		"a block over the end":       "\x0f\x7f\x00",
		"a location that goes back":  "\x01\x00\x08\x00\x00",
		"a cut-off location":         "\x01\x00",
		"an operand without an end":  "\x0e" + strings.Repeat("\x80", 100),
		"vendor code before the end": "\x41\x1c",
	} {
		if rows, err := interpretBytes("\x0c\x07\x08", code); err == nil || !strings.Contains(err.Error(), "instruction 0x") {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
	}
}

func TestInterpretStopsAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		code string
		want string
	}{
		"set_loc":              {"\x01\x04\x10\x00\x00\x0e\x10", "[{4096 {rsp 8 true}} {4100 {rsp 16 true}}]"},
		"advance by nothing":   {"\x40\x0e\x10\x40\x0e\x18", "[{4096 {rsp 24 true}}]"},
		"a rule that is again": {"\x41\x0e\x08\x41\x0e\x10", "[{4096 {rsp 8 true}} {4098 {rsp 16 true}}]"},
		"behind the function":  {"\x04\xff\xff\xff\xff\x0e\x10", "[{4096 {rsp 8 true}}]"},
		"no more after that":   {"\x04\xff\xff\xff\xff\x3f", "[{4096 {rsp 8 true}}]"},
	} {
		rows, err := interpretBytes("\x0c\x07\x08", c.code)
		if got := fmt.Sprint(rows); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestFunctionsWithoutSections(t *testing.T) {
	whole, bare := open(t, libc), open(t, withoutSections(t, libc))
	got, want := bare.Functions(), whole.Functions()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-with +without section headers:\n%s", diff)
	}
	if got, want := lookup1(t, bare, "malloc"), lookup1(t, whole, "malloc"); got != want {
		t.Errorf("malloc: %+v without section headers, %+v with", got, want)
	}
	g, err := bare.Glob("*")
	if w, _ := whole.Glob("*"); len(g) != len(w) || len(g) < 1500 {
		t.Errorf("%d functions without section headers, %d with: %v", len(g), len(w), err)
	}
}

// TestFunctionsWithoutHeader links a program without .eh_frame_hdr, as static
// linkers of old did.
func TestFunctionsWithoutHeader(t *testing.T) {
	f := open(t, compile(t, "gcc", ".s", frameCode, "-Wl,--no-eh-frame-hdr"))
	lo := lookup1(t, f, "far").Value
	if fn, ok := f.FuncAt(lo + 0x20000); !ok || fn.Lo != lo {
		t.Errorf("FuncAt = %x, %v; far is at %#x", fn, ok, lo)
	}
	rows, err := f.CFAs(Func{lo, lo + 0x51})
	if want := []CFARow{{lo, CFA{x86.RSP, 8, true}}, {lo + 0x50, CFA{x86.RSP, 16, true}}}; !slices.Equal(rows, want) {
		t.Errorf("CFAs = %v, %v; want %v", rows, err, want)
	}
}

func TestFunctionsOfSymbolsOnly(t *testing.T) {
	const source = `
	.text
	.globl main
	.type main,@function
main:	ret
	.size main,.-main
	.type outer,@function
outer:	nop; nop
	.type inner,@function
inner:	nop; nop; ret
	.size inner,.-inner
	nop
	.size outer,.-outer
	.type sizeless,@function
sizeless: ret
`
	f := open(t, compile(t, "gcc", ".s", source, "-nostdlib", "-Wl,-emain"))
	main := lookup1(t, f, "main").Value
	if got, want := f.Functions(), []Func{{main, main + 1}, {main + 1, main + 7}}; !slices.Equal(got, want) {
		t.Errorf("Functions = %x, want %x", got, want)
	}
	if fn, ok := f.FuncAt(lookup1(t, f, "sizeless").Value); ok {
		t.Errorf("sizeless is %x", fn)
	}
}

func TestFuncsIn(t *testing.T) {
	f := open(t, compile(t, "gcc", ".s", frameCode))
	at := func(name string) uint64 { return lookup1(t, f, name).Value }
	far, none, signal := at("far"), at("none"), at("signal")
	farEnd := far + 0x50 + 0x300 + 0x20000 + 1
	for name, c := range map[string]struct {
		lo, hi uint64
		want   []Func
	}{
		"inside":          {far + 1, far + 2, []Func{{far, farEnd}}},
		"over three":      {farEnd - 1, signal, []Func{{far, farEnd}, {none, none + 2}, {signal - 1, signal + 1}}},
		"by symbol only":  {none, none + 1, []Func{{none, none + 2}}},
		"up to, not with": {none - 1, none, []Func{{far, farEnd}}},
		"empty":           {far, far, nil},
		"no code":         {1 << 40, 1<<40 + 100, nil},
	} {
		if got := f.FuncsIn(c.lo, c.hi); !slices.Equal(got, c.want) {
			t.Errorf("%s: FuncsIn(%#x, %#x) = %#x, want %#x", name, c.lo, c.hi, got, c.want)
		}
	}
}

// TestFuncsInIsAPartOfFunctions asks about random ranges of libc.
func TestFuncsInIsAPartOfFunctions(t *testing.T) {
	f := open(t, libc)
	parts := open(t, libc) // never asked for everything
	fns := f.Functions()
	text := f.Text()[0]
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		lo := text.Lo + r.Uint64N(text.Hi-text.Lo)
		hi := lo + r.Uint64N(3000)
		var want []Func
		for _, fn := range fns {
			if lo < hi && fn.Lo < hi && fn.Hi > lo {
				want = append(want, fn)
			}
		}
		if got := parts.FuncsIn(lo, hi); !slices.Equal(got, want) {
			t.Fatalf("FuncsIn(%#x, %#x) = %#x, want %#x", lo, hi, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ described, named, want []Func }{
		{nil, nil, nil},
		{nil, []Func{{1, 2}}, []Func{{1, 2}}},
		{[]Func{{10, 20}}, []Func{{10, 20}}, []Func{{10, 20}}},
		{[]Func{{10, 20}}, []Func{{12, 18}}, []Func{{10, 20}}},
		{[]Func{{10, 20}}, []Func{{5, 25}}, []Func{{5, 10}, {10, 20}, {20, 25}}},
		{[]Func{{10, 20}, {30, 40}}, []Func{{5, 6}, {15, 35}, {40, 41}}, []Func{{5, 6}, {10, 20}, {20, 30}, {30, 40}, {40, 41}}},
		{[]Func{{10, 20}, {20, 30}}, []Func{{15, 25}, {29, 31}}, []Func{{10, 20}, {20, 30}, {30, 31}}},
	} {
		if got := merge(c.described, c.named); !slices.Equal(got, c.want) {
			t.Errorf("merge(%v, %v) = %v, want %v", c.described, c.named, got, c.want)
		}
	}
}

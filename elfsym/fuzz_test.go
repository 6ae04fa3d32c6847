package elfsym

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/procmaps"
)

// exercise asks a file everything, and checks what must hold whatever its bytes
// are.
func exercise(t *testing.T, b []byte) {
	f, err := New("fuzzed", bytes.NewReader(b))
	if err != nil {
		return
	}
	f.BuildID()
	f.Soname()
	f.Interp()
	if f.LoadBase() > f.LoadEnd() {
		t.Errorf("loaded at %#x-%#x", f.LoadBase(), f.LoadEnd())
	}
	var syms []Symbol
	for _, name := range []string{"foo", "foo@V1", "catcher", "ns::f(int)", "misspelld"} {
		found, err := f.Lookup(name)
		if (err == nil) != (len(found) > 0) {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		syms = append(syms, found...)
	}
	for _, pattern := range []string{"*", "~*", "~catch*"} {
		found, _ := f.Glob(pattern)
		syms = append(syms, found...)
	}
	for _, s := range syms[:min(len(syms), 100)] {
		if !f.Executable(s.Value) {
			t.Errorf("%+v is no code", s)
		}
		f.FuncAt(s.Value)
	}
	exerciseFunctions(t, f)
	markers, _ := f.USDT()
	for _, u := range markers {
		if !f.Executable(u.Addr) {
			t.Errorf("%v at %#x", u, u.Addr)
		}
		checkUSDTArgs(t, u.Args)
	}
	ms := []procmaps.Mapping{mapping(0x7f0000000000, 0x7f0000001000, f.loads[0].off&^0xfff, "r-x", 1, "x")}
	if _, err := Modules(ms, func(string) (*File, error) { return f, nil }); err != nil {
		t.Error(err)
	}
}

func exerciseFunctions(t *testing.T, f *File) {
	fns := f.Functions()
	for i, fn := range fns {
		if fn.Lo >= fn.Hi || i > 0 && fns[i-1].Hi > fn.Lo || !f.Executable(fn.Lo) || !f.Executable(fn.Hi-1) {
			t.Fatalf("function %d is %#x", i, fn)
		}
	}
	for _, fn := range fns[:min(len(fns), 100)] {
		if got, ok := f.FuncAt(fn.Lo); !ok || got.Lo > fn.Lo || got.Hi <= fn.Lo {
			t.Errorf("FuncAt(%#x) = %#x, %v", fn.Lo, got, ok)
		}
		rows, _ := f.CFAs(fn)
		for i, row := range rows {
			if row.PC < fn.Lo || row.PC >= fn.Hi || i > 0 && row.PC <= rows[i-1].PC {
				t.Errorf("function %#x: row %d of %v", fn, i, rows)
			}
		}
		pads, _ := f.LandingPads(fn)
		for _, p := range pads {
			if !f.Executable(p) {
				t.Errorf("landing pad %#x", p)
			}
		}
		targets, _ := f.JumpTableTargets(fn)
		for _, to := range targets {
			if to <= fn.Lo || to >= fn.Hi {
				t.Errorf("target %#x of %#x", to, fn)
			}
		}
	}
}

// seeds are small files that have every table.
func seeds(t testing.TB) [][]byte {
	var all [][]byte
	for _, path := range []string{
		compile(t, "g++", ".cc", catching+"\nnamespace ns { int f(int i) { return i; } }\nextern \"C\" int foo() { return 1; }", "-shared", "-fPIC", "-O1"),
		compile(t, "gcc", ".c", switching, "-nostdlib", "-Wl,-emain", "-Wl,--hash-style=sysv", "-fno-pie", "-no-pie"),
		compile(t, "gcc", ".s", landingCode, "-nostdlib", "-Wl,-emain", "-Wl,--no-eh-frame-hdr"),
		compile(t, "gcc", ".s", frameCode, "-nostdlib", "-Wl,-emain"),
		compile(t, "gcc", ".c", withMarkers, "-DSEM", "-nostdlib", "-Wl,-emain", "-O1"),
	} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return append(all, library, sharer, fixed, shifted)
}

// FuzzFile is best run with -fuzzminimizetime=5x: to minimize files of 16 KB
// takes all the time there is.
func FuzzFile(f *testing.F) {
	for _, b := range seeds(f) {
		if len(b) < 64<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(exercise)
}

// TestDamagedFiles damages files at random places, the more often the nearer to
// their beginning, and asks them everything.
func TestDamagedFiles(t *testing.T) {
	rounds := 400
	if os.Getenv("BPFTIME_TORTURE") != "" {
		rounds = 20_000
	}
	r := rand.New(rand.NewPCG(7, 8))
	for _, seed := range seeds(t) {
		exercise(t, seed)
		for range rounds {
			b := bytes.Clone(seed)
			for range 1 + r.IntN(12) {
				damage(r, b)
			}
			exercise(t, b)
			if t.Failed() {
				write(t, t.ArtifactDir()+"/damaged", string(b))
				return
			}
		}
	}
}

// damage writes a number that is likely to hurt, of 1 to 8 bytes.
func damage(r *rand.Rand, b []byte) {
	values := []uint64{0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, 1 << 63, 1<<64 - 1, uint64(len(b)), r.Uint64N(uint64(len(b))), r.Uint64()}
	v := values[r.IntN(len(values))]
	at := r.IntN(len(b))
	if r.IntN(3) == 0 {
		at = r.IntN(min(len(b), 1024))
	}
	for i := range min(1<<r.IntN(4), len(b)-at) {
		b[at+i] = byte(v >> (8 * i))
	}
}

// TestEveryCut cuts a file off at many places.
func TestEveryCut(t *testing.T) {
	b := seeds(t)[0]
	for n := 0; n < len(b); n += 1 + n/50 {
		exercise(t, b[:n])
	}
}

// TestLongNames: a name must end, within a bound.
func TestLongNames(t *testing.T) {
	tab := &table{strs: []byte(strings.Repeat("x", 1<<20)), syms: make([]byte, 1000*symSize)}
	for i := range tab.len() {
		s := tab.syms[i*symSize:]
		le.PutUint32(s, 1)
		s[4], s[6] = 2, 1 // STT_FUNC in section 1
	}
	for range tab.functionNames() {
		t.Fatal("a name without an end")
	}
	if tab.hasName(tab.at(0), "xxx") || tab.hasName(tab.at(0), strings.Repeat("x", 1<<20-1)) {
		t.Error("a part of a name matches")
	}
}

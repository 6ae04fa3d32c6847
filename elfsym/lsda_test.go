package elfsym

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// landingCode has a function with three call sites, of which two have landing
// pads, and its cold part, whose call site lands in the function and whose own
// pad is found by an LPStart.
const landingCode = `
	.text
	.globl main, thrower, personality
main:
personality: ret
	.type thrower,@function
thrower:
	.cfi_startproc
	.cfi_personality 0x1b,personality
	.cfi_lsda 0x1b,.Llsda
	call main
.Lc1:	call main
.Lc2:	call main
	ret
pad2:	nop
pad1:	ret
	.cfi_endproc
	.size thrower,.-thrower
	.type plain,@function
plain:	.cfi_startproc
	ret
	.cfi_endproc
	.size plain,.-plain
	.type thrower.cold,@function
thrower.cold:
	.cfi_startproc
	.cfi_personality 0x1b,personality
	.cfi_lsda 0x1b,.Lcold
	call main
coldpad: ret
	.cfi_endproc
	.size thrower.cold,.-thrower.cold
	.section .gcc_except_table,"a"
.Llsda:	.byte 0xff, 0xff, 0x01                       # call sites in uleb
	.uleb128 .Lend-.Lbegin
.Lbegin: .uleb128 0, 5, 0, 0
	.uleb128 .Lc1-thrower, 5, pad1-thrower, 1
	.uleb128 .Lc2-thrower, 5, pad2-thrower, 3
.Lend:
	.balign 4
.Lcold:	.byte 0x1b                                   # LPStart, pc-relative
	.long thrower-.
	.byte 0x9b                                   # types: encoding and offset
	.uleb128 0x40
	.byte 0x03                                   # call sites in udata4
	.uleb128 .Lend2-.Lbegin2
.Lbegin2: .long 0, 5, coldpad-thrower
	.uleb128 0
	.long 0, 5, pad2-thrower
	.uleb128 0
.Lend2:
`

func TestLandingPads(t *testing.T) {
	f := open(t, compile(t, "gcc", ".s", landingCode))
	at := func(name string) uint64 { return lookup1(t, f, name).Value }
	want := []uint64{at("pad1"), at("pad2"), at("coldpad")}
	slices.Sort(want)
	for name, want := range map[string][]uint64{"thrower": want, "thrower.cold": want, "plain": nil, "main": nil} {
		lo := at(name)
		fn, ok := f.FuncAt(lo)
		if !ok {
			fn = Func{lo, lo + 1} // main has neither size nor rules
		}
		got, err := f.LandingPads(fn)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %#x, %v; want %#x", name, got, err, want)
		}
	}
}

const catching = `
extern "C" int puts(const char *);
struct Guard { const char *s; ~Guard() { puts(s); } };
__attribute__((noinline)) void may_throw(int n) { if (n > 3) throw n; if (n < -3) throw "x"; }
__attribute__((noinline)) int catcher(int n) {
	Guard g{"guard"};
	try { may_throw(n); } catch (int i) { return i; } catch (...) { puts("?"); }
	try { may_throw(n + 1); } catch (const char *s) { puts(s); }
	return 0;
}
int main(int argc, char **) { return catcher(argc + 3) + catcher(-argc - 5); }
`

var beginCatch = regexp.MustCompile(`(?m)^ *([0-9a-f]+):.*<__cxa_begin_catch@`)

// TestLandingPadsOfCompilers expects a landing pad closely before each place
// where compiled code begins to handle an exception.
func TestLandingPadsOfCompilers(t *testing.T) {
	const whole = "-fno-reorder-blocks-and-partition" // pads do not jump to handlers in a cold part
	for _, args := range [][]string{
		{"g++", "-O0"}, {"g++", "-O2", whole}, {"g++", "-O2", "-no-pie", "-fno-pie", whole}, {"clang++", "-O2"},
	} {
		path := compile(t, args[0], ".cc", catching, args[1:]...)
		fn, pads := padsOfCatcher(t, path)
		handlers := 0
		for _, m := range beginCatch.FindAllStringSubmatch(run(t, "objdump", "-d", "--no-show-raw-insn", path), -1) {
			call := parseHex(t, m[1])
			if call < fn.Lo || fn.Hi <= call {
				continue
			}
			handlers++
			// Catch clauses of one try block share a pad, with a dispatch between.
			if !slices.ContainsFunc(pads, func(p uint64) bool { return p < call && call-p < 96 }) {
				t.Errorf("%v: no landing pad before the handler at %#x; pads %#x", args, call, pads)
			}
		}
		if handlers < 2 {
			t.Errorf("%v: only %d handlers found", args, handlers)
		}
	}
}

func padsOfCatcher(t *testing.T, path string) (Func, []uint64) {
	f := open(t, path)
	syms, err := f.Lookup("catcher")
	if err != nil {
		t.Fatal(err)
	}
	fn, _ := f.FuncAt(syms[0].Value)
	pads, err := f.LandingPads(fn)
	if err != nil {
		t.Fatal(err)
	}
	return fn, pads
}

// TestLandingPadsInBothParts: the pads of a function that is split are the same,
// whichever part is asked about.
func TestLandingPadsInBothParts(t *testing.T) {
	path := compile(t, "g++", ".cc", catching, "-O2")
	hot, pads := padsOfCatcher(t, path)
	f := open(t, path)
	parts := f.parts(hot)
	if len(parts) != 2 {
		t.Fatalf("catcher is not split: %x", parts)
	}
	for i, p := range parts {
		if !slices.ContainsFunc(pads, func(pad uint64) bool { return p.Lo <= pad && pad < p.Hi }) {
			t.Errorf("no landing pad in part %d, %x: %#x", i, p, pads)
		}
	}
	if got, err := f.LandingPads(parts[1]); err != nil || !slices.Equal(got, pads) {
		t.Errorf("of the cold part: %#x, %v; want %#x", got, err, pads)
	}
}

func TestLandingPadsOfLibstdcpp(t *testing.T) {
	f := open(t, libstdcpp)
	n := 0
	for _, fn := range f.Functions() {
		pads, err := f.LandingPads(fn)
		if err != nil {
			t.Fatal(err)
		}
		n += len(pads)
	}
	if n < 2000 {
		t.Errorf("only %d landing pads", n)
	}
}

func TestLandingPadsRefuse(t *testing.T) {
	for name, c := range map[string]struct{ old, want string }{
		"a pad that is no code":    {"pad1-thrower, 1", "0xfffffff, 1"},
		"an unknown encoding":      {"0xff, 0xff, 0x01", "0xff, 0xff, 0x05"},
		"a table over the end":     {".uleb128 .Lend-.Lbegin\n", ".uleb128 0xffffffffff\n"},
		"a start in other memory":  {".byte 0xff, 0xff, 0x01", ".byte 0x9b\n.long 4\n.byte 0xff, 0x01"},
		"call sites that are torn": {".Lend:\n", ".byte 0x80\n.Lend:\n"},
	} {
		if !strings.Contains(landingCode, c.old) {
			t.Fatalf("%s: no %q", name, c.old)
		}
		f := open(t, compile(t, "gcc", ".s", strings.Replace(landingCode, c.old, c.want, 1)))
		fn, _ := f.FuncAt(lookup1(t, f, "thrower").Value)
		if pads, err := f.LandingPads(fn); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "LSDA") {
			t.Errorf("%s: %#x, %v", name, pads, err)
		}
	}
}

package elfsym

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shown writes an argument in a form of the test's own.
func (a USDTArg) shown() string {
	if a.Err != nil {
		return "refused: " + a.Err.Error()
	}
	sign := "u"
	if a.Signed {
		sign = "s"
	}
	where := fmt.Sprintf("const %d", a.Value)
	switch a.Kind {
	case USDTReg:
		where = "reg " + a.Base
		if a.High {
			where += " high"
		}
	case USDTMem:
		where = fmt.Sprintf("mem %s%+d", a.Base, a.Value)
		if a.Index != "" {
			where += fmt.Sprintf("+%s<<%d", a.Index, a.Shift)
		}
	}
	if a.symbol != "" {
		where += " of " + a.symbol
	}
	return fmt.Sprintf("%s%d %s", sign, 8*a.Size, where)
}

// TestUSDTArgs: operands as gcc and clang write them.
func TestUSDTArgs(t *testing.T) {
	for text, want := range map[string]string{
		"-4@%eax":             "s32 reg rax",
		"8@%r12":              "u64 reg r12",
		"4@%r8d":              "u32 reg r8",
		"2@%r15w":             "u16 reg r15",
		"-1@%al":              "s8 reg rax",
		"1@%sil":              "u8 reg rsi",
		"1@%bh":               "u8 reg rbx high",
		"1@%r8b":              "u8 reg r8",
		"%r8b":                "u8 reg r8",
		"%eax":                "u32 reg rax",
		"1@%rdx":              "u8 reg rdx",
		"8@-8(%rbp)":          "u64 mem rbp-8",
		"-4@(%rsp)":           "s32 mem rsp+0",
		"-2@0x10(%r13)":       "s16 mem r13+16",
		"16(%r13)":            "u64 mem r13+16",
		"8@(%rax,%rbx,8)":     "u64 mem rax+0+rbx<<3",
		"4@-16(%rsp,%rcx)":    "u32 mem rsp-16+rcx<<0",
		"4@4(%rax, %rbx, 4)":  "u32 mem rax+4+rbx<<2",
		"4@$5":                "u32 const 5",
		"-4@$-9":              "s32 const -9",
		"8@$0xffffffffff":     "u64 const 1099511627775",
		"$7":                  "u64 const 7",
		"8@$-1":               "u64 const -1",
		"8@total(%rip)":       "u64 mem rip+0 of total",
		"-4@40+stats(%rip)":   "s32 mem rip+40 of stats",
		"-4@stats+40(%rip)":   "s32 mem rip+40 of stats",
		"-4@stats-4(%rip)":    "s32 mem rip-4 of stats",
		"-4@stats+-4(%rip)":   "s32 mem rip-4 of stats",
		"2@_ZL5local.0(%rip)": "u16 mem rip+0 of _ZL5local.0",
		"4@table(,%rax,4)":    "u32 mem +0+rax<<2 of table",
		"4@table(%rax)":       "u32 mem rax+0 of table",
		"4@total":             "u32 mem +0 of total",
		"8@$total+8":          "u64 const 8 of total",
		"8@16(%rip)":          "u64 mem rip+16",

		"8f@%xmm0":                 "refused: 8f@%xmm0: a floating-point number; programs have integers only",
		"4f@-8(%rbp)":              "refused: 4f@-8(%rbp): a floating-point number; programs have integers only",
		"8@%xmm0":                  "refused: 8@%xmm0: %xmm0 is no general register, and no other is kept for programs",
		"16@%rax":                  "refused: 16@%rax: a size of 16 bytes; 1, 2, 4 and 8 can be read",
		"0@%rax":                   "refused: 0@%rax: a size of 0 bytes; 1, 2, 4 and 8 can be read",
		"4@%ah":                    "refused: 4@%ah: %ah has one byte, not 4",
		"-4@%fs:errno@tpoff":       "refused: -4@%fs:errno@tpoff: %fs:errno@tpoff belongs to the thread",
		"8@environ@GOTPCREL(%rip)": "refused: 8@environ@GOTPCREL(%rip): environ@GOTPCREL is found by a relocation",
		"8@4096":                   "refused: 8@4096: an address without a register or a name",
		"8@8(,%rax,8)":             "refused: 8@8(,%rax,8): an address without a base",
		"8@(%eax)":                 "refused: 8@(%eax): %eax is no register of an address",
		"8@(%rax,%rbx,3)":          "refused: 8@(%rax,%rbx,3): a scale of 3",
		"8@a-b(%rip)":              "refused: 8@a-b(%rip): a difference of two places",
		"8@(%rax":                  "refused: 8@(%rax: no operand that is known",
		"8@*foo":                   "refused: 8@*foo: no operand that is known",
		"4@":                       "refused: 4@: no operand",
		"4@$99999999999999999999":  "refused: 4@$99999999999999999999: strconv.ParseUint: parsing \"99999999999999999999\": value out of range",
	} {
		args := parseUSDTArgs(text)
		if len(args) != 1 || args[0].Text != text {
			t.Errorf("%s: %d arguments: %v", text, len(args), args)
			continue
		}
		if got := args[0].shown(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestUSDTArgList(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "[]",
		" 8@%rdi  -4@4(%rsi, %rax, 2) 1@$1 ": "[u64 reg rdi s32 mem rsi+4+rax<<1 u8 const 1]",
		"8f@%xmm1 4@%eax":                    "[refused: 8f@%xmm1: a floating-point number; programs have integers only u32 reg rax]",
	} {
		got := []string{}
		for _, a := range parseUSDTArgs(text) {
			got = append(got, a.shown())
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}

// withMarkers has markers of every kind; SEM is whether they have semaphores.
const withMarkers = `
#ifdef SEM
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(n) __extension__ unsigned short shop_##n##_semaphore __attribute__((section(".probes"), visibility("hidden")));
#else
#define SEMAPHORE(n)
#endif
#include <sys/sdt.h>
SEMAPHORE(plain) SEMAPHORE(three) SEMAPHORE(variable)
static int local;
long exported = 9;
static inline __attribute__((always_inline)) void copied(long n) { STAP_PROBE1(shop, three, n); }
int main(int argc, char **argv)
{
	local += argc;
	STAP_PROBE(shop, plain);
	copied(argc); copied((long)argv); copied(local * 3);
	STAP_PROBE3(shop, variable, local, exported, (short)-3);
	return local == 77;
}`

// TestUSDTFiles: what readelf says of programs of several compilers and of real ones.
func TestUSDTFiles(t *testing.T) {
	files := []string{libstdcpp}
	for _, path := range []string{"/usr/bin/python3", "/usr/lib/postgresql/15/bin/postgres"} {
		if _, err := os.Stat(path); err == nil {
			files = append(files, path)
		}
	}
	for _, cc := range []string{"gcc", "clang"} {
		for _, flags := range [][]string{{"-O0"}, {"-O2", "-DSEM"}, {"-O3", "-DSEM", "-fno-pie", "-no-pie"}} {
			files = append(files, compile(t, cc, ".c", withMarkers, flags...))
		}
	}
	for _, flags := range layouts(t) {
		files = append(files, compile(t, "gcc", ".c", withMarkers, append([]string{"-O2", "-DSEM"}, flags...)...))
	}
	for _, path := range files {
		t.Run(path, func(t *testing.T) { compareUSDT(t, path) })
	}
}

var readelfNote = regexp.MustCompile(`Provider: (.*)\n\s+Name: (.*)\n\s+Location: (\S+), Base: (\S+), Semaphore: (\S+)\n\s+Arguments: ?(.*)`)

func compareUSDT(t *testing.T, path string) {
	all, err := open(t, path).USDT()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, u := range all {
		got = append(got, fmt.Sprintf("%#x %#x %s", u.Addr, u.Semaphore, u))
	}
	for _, m := range readelfNote.FindAllStringSubmatch(run(t, "readelf", "-nW", path), -1) {
		pc, _ := strconv.ParseUint(m[3], 0, 64)
		semaphore, _ := strconv.ParseUint(m[5], 0, 64)
		want = append(want, strings.TrimSpace(fmt.Sprintf("%#x %#x %s:%s %s", pc, semaphore, m[1], m[2], m[6])))
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nreadelf:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestUSDTVariables: arguments that name a variable are relative to the nop, also
// where the variable has no dynamic symbol.
func TestUSDTVariables(t *testing.T) {
	const source = `
static int local = 5;
long exported;
__asm__(".globl main\nmain: nop\n990: nop\nret\n"
	".pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n.4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"
	"993: .8byte 990b, 0, 0\n.asciz \"p\"\n.asciz \"n\"\n"
	".asciz \"-4@local(%rip) 8@exported+16(%rip) 8@missing(%rip) 8@$exported 4@local(,%rax,4)\"\n994: .balign 4\n.popsection\n");
int *keep = &local;`
	for _, pie := range []bool{true, false} {
		flags := []string{"-O2"}
		if !pie {
			flags = append(flags, "-fno-pie", "-no-pie")
		}
		f := open(t, compile(t, "gcc", ".c", source, flags...))
		found, err := f.LookupUSDT("p", "n")
		if err != nil || len(found) != 1 || len(found[0].Args) != 5 {
			t.Fatalf("%v, %v", found, err)
		}
		address := func(name string) int64 {
			for _, line := range strings.Split(run(t, "nm", f.Name()), "\n") {
				if fields := strings.Fields(line); len(fields) == 3 && fields[2] == name {
					v, _ := strconv.ParseInt(fields[0], 16, 64)
					return v
				}
			}
			t.Fatal(name)
			return 0
		}
		u := found[0]
		want := []string{
			fmt.Sprintf("s32 mem rip%+d of local", address("local")-int64(u.Addr)),
			fmt.Sprintf("u64 mem rip%+d of exported", address("exported")+16-int64(u.Addr)),
			"refused: 8@missing(%rip): missing is not in the symbol tables",
			fmt.Sprintf("u64 const %d of exported", address("exported")),
			fmt.Sprintf("u32 mem rip%+d+rax<<2 of local", address("local")-int64(u.Addr)),
		}
		if pie {
			want[3] = "refused: 8@$exported: the address of exported is not known before it is loaded"
		}
		for i, a := range u.Args {
			if a.shown() != want[i] {
				t.Errorf("pie %v: %s, want %s", pie, a.shown(), want[i])
			}
		}
	}
}

// TestUSDTPrelinked: a library that was moved as a whole, notes apart.
func TestUSDTPrelinked(t *testing.T) {
	path := compile(t, "gcc", ".c", withMarkers, "-O2", "-DSEM")
	f := open(t, path)
	before, err := f.USDT()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := f.sectionNamed(".note.stapsdt")
	if !ok {
		t.Fatal("no notes")
	}
	b, err := f.in.read(s.off, s.size)
	if err != nil {
		t.Fatal(err)
	}
	base, _ := f.sectionNamed(".stapsdt.base")
	const moved = 0x20
	after, err := f.parseUSDT(b, base.addr+moved)
	if err != nil || len(after) == 0 {
		t.Fatal(after, err)
	}
	for i, u := range after {
		if want := before[i]; u.Addr != want.Addr+moved || u.Semaphore != want.Semaphore+moved {
			t.Errorf("%#x %#x, want %#x %#x", u.Addr, u.Semaphore, want.Addr+moved, want.Semaphore+moved)
		}
	}
}

func TestLookupUSDT(t *testing.T) {
	f := open(t, compile(t, "gcc", ".c", withMarkers, "-O2"))
	if found, err := f.LookupUSDT("shop", "three"); err != nil || len(found) != 3 {
		t.Errorf("%v, %v; it is inlined three times", found, err)
	}
	for _, c := range []struct{ path, provider, name, want string }{
		{f.Name(), "shop", "thre", "USDT shop:thre: no such symbol; did you mean shop:three?"},
		{f.Name(), "store", "plain", "did you mean shop:plain?"},
		{f.Name(), "x", "y", "; it has shop:plain, shop:three, shop:variable and so on"},
		{libc, "x", "y", ""},
		{compile(t, "gcc", ".c", "int main() { return 0; }"), "x", "y", "no such symbol (the file has no such notes)"},
	} {
		_, err := open(t, c.path).LookupUSDT(c.provider, c.name)
		if !errors.Is(err, ErrNoSymbol) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:%s: %v, want …%s", c.provider, c.name, err, c.want)
		}
	}
}

// FuzzUSDTArgs: whatever a note says, an argument is either in bounds or refused.
func FuzzUSDTArgs(f *testing.F) {
	f.Add("-4@%eax 8@-8(%rbp) 8@(%rax,%rbx,8)")
	f.Add("4@40+CheckpointStats(%rip) 8f@%xmm0 1@%ah %r8b")
	f.Fuzz(func(t *testing.T, text string) { checkUSDTArgs(t, parseUSDTArgs(text)) })
}

func checkUSDTArgs(t *testing.T, args []USDTArg) {
	for _, a := range args {
		_, size, _, base := lookupRegister("%" + a.Base)
		_, _, _, index := lookupRegister("%" + a.Index)
		switch {
		case a.Err != nil:
			if a.Kind != 0 || a.Size != 0 {
				t.Errorf("%+v is refused, and has a place", a)
			}
		case a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8, a.Shift > 3:
			t.Errorf("%+v", a)
		case a.Kind == USDTReg && (!base || size != 8), a.Kind == USDTMem && !base && a.symbol == "",
			a.Index != "" && !index, a.Kind == 0 || a.Kind > USDTMem:
			t.Errorf("%+v", a)
		}
	}
}

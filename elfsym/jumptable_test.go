package elfsym

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// switching has a switch whose cases are labelled, and an interpreter that
// jumps through a table of labels.
const switching = `
extern int sink(int);
#define CASE(n) case n: __asm__ volatile(".globl case_" #n "\ncase_" #n ":"); return sink(n) * (n + 3) ^ sink(n - 7);
__attribute__((noinline)) int switched(int n) {
	switch (n) {
	CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9)
	}
	return -1;
}
#define OP(n) op##n: __asm__ volatile(".globl op_" #n "\nop_" #n ":"); sum = sink(sum + n) * (n + 5); goto *ops[*p++];
__attribute__((noinline)) int computed(const unsigned char *p) {
	static void *const ops[] = { &&done, &&op1, &&op2, &&op3, &&op4 };
	int sum = 0;
	goto *ops[*p++];
	OP(1) OP(2) OP(3) OP(4)
done:
	return sum;
}
__attribute__((noinline)) int sink(int n) { return n; }
int main(int argc, char **argv) { return switched(argc) + computed((const unsigned char *)"\1\2\3\4"); }
`

func TestJumpTablesOfCompilers(t *testing.T) {
	for _, args := range [][]string{
		{"gcc", "-O0", "-fPIE", "-pie"}, {"gcc", "-O2", "-fPIE", "-pie", "-Wl,-z,noseparate-code"},
		{"gcc", "-O2", "-fPIE", "-pie", "-Wl,-z,pack-relative-relocs"},
		{"gcc", "-O0", "-fno-pie", "-no-pie"}, {"gcc", "-O2", "-fno-pie", "-no-pie"},
		{"gcc", "-O2", "-fPIE", "-static-pie"},
		{"clang", "-O0", "-fPIE", "-pie"}, {"clang", "-O2", "-fPIE", "-pie"}, {"clang", "-O2", "-fno-pie", "-no-pie"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			f := open(t, compile(t, args[0], ".c", switching, args[1:]...))
			checkTargets(t, f, "switched", "case_", 0, 9)
			checkTargets(t, f, "computed", "op_", 1, 4)
		})
	}
}

// checkTargets expects a target at each of the labels, or within the few bytes
// before it that a compiler may put in front of an asm statement.
func checkTargets(t *testing.T, f *File, function, prefix string, first, last int) {
	fn, ok := f.FuncAt(lookup1(t, f, function).Value)
	targets, err := f.JumpTableTargets(fn)
	if err != nil || !ok {
		t.Fatal(err, ok)
	}
	for n := first; n <= last; n++ {
		label := lookup1(t, f, fmt.Sprint(prefix, n)).Value
		if !slices.ContainsFunc(targets, func(to uint64) bool { return to <= label && label-to < 16 }) {
			t.Errorf("no target at %s%d, %#x: %#x", prefix, n, label, targets)
		}
	}
	for _, to := range targets {
		if to <= fn.Lo || fn.Hi <= to {
			t.Errorf("target %#x is not inside %x", to, fn)
		}
	}
	// Neither the fall-through code nor the entry is a target.
	if slices.Contains(targets, fn.Lo+1) {
		t.Errorf("target %#x in the first instruction", fn.Lo+1)
	}
}

// tableCode is what a compiler makes of a switch, written out: the table has
// two targets, of which one is in the cold part and one stands twice. Behind its
// end something else follows.
const tableCode = `
	.text
	.globl main, jumper
	.type jumper,@function
jumper:	.cfi_startproc
	lea table(%rip),%r11
	movslq (%r11,%rdi,4),%rax
	add %r11,%rax
	jmp *%rax
first:	nop
second:	ret
	.cfi_endproc
	.size jumper,.-jumper
	.type main,@function
main:	.cfi_startproc
	lea other(%rip),%rax
	ret
	.cfi_endproc
	.size main,.-main
	.section .text.unlikely,"ax"
	.type jumper.cold,@function
jumper.cold: .cfi_startproc
	nop
third:	lea table2(%rip),%rdx
fourth:	ret
	.cfi_endproc
	.size jumper.cold,.-jumper.cold
	.section .rodata
table:	.long second-table, third-table, second-table, 0x7fffffff, first-table
table2:	.long fourth-table2, 0x7fffffff
other:	.long first-other
`

func TestJumpTableIsReadToItsEnd(t *testing.T) {
	f := open(t, compile(t, "gcc", ".s", tableCode, "-nostdlib", "-Wl,-emain"))
	at := func(name string) uint64 { return lookup1(t, f, name).Value }
	for name, want := range map[string][]uint64{
		"jumper":      {at("second")},
		"jumper.cold": {at("third"), at("fourth")},
		"main":        nil, // its table is jumper's
	} {
		fn, _ := f.FuncAt(at(name))
		got, err := f.JumpTableTargets(fn)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %#x, %v; want %#x", name, got, err, want)
		}
	}
}

func TestLeaTargets(t *testing.T) {
	code := []byte{
		0x48, 0x8d, 0x05, 0x10, 0, 0, 0, // lea 0x10(%rip),%rax     at 0x1000: 0x1017
		0x4c, 0x8d, 0x3d, 0xf9, 0xff, 0xff, 0xff, // lea -7(%rip),%r15: 0x1007
		0x48, 0x8d, 0x04, 0x25, 0, 0, 0, 0, // lea 0,%rax: another mod
		0x8d, 0x05, 0x10, 0, 0, 0, // lea 0x10(%rip),%eax: 32 bits
		0x48, 0x8b, 0x05, 0x10, 0, 0, 0, // mov
		0x48, 0x8d, 0x05, 0, 0, 0, // cut off
	}
	if got, want := leaTargets(code, 0x1000), []uint64{0x1007, 0x1017}; !slices.Equal(got, want) {
		t.Errorf("%#x, want %#x", got, want)
	}
}

func TestJumpTablesStayBounded(t *testing.T) {
	// Nothing but lea, each of a table that begins with code addresses.
	code := ".text\n.globl main\n.type main,@function\nmain:\n.rept 3000\nlea table(%rip),%rax\n.endr\nret\n.size main,.-main\n" +
		".section .rodata\n.rept 1000\n.long 0\n.endr\ntable:\n.rept 1000\n.long main-table\n.endr\n"
	f := open(t, compile(t, "gcc", ".s", code, "-nostdlib", "-Wl,-emain"))
	fn, _ := f.FuncAt(lookup1(t, f, "main").Value)
	if got, err := f.JumpTableTargets(fn); err != nil || got != nil {
		t.Errorf("%#x, %v: the start is no target", got, err)
	}
	budget := 1500
	if f.readTable(nil, fn, lookup1(t, f, "main").Value, &budget); budget < 0 {
		t.Errorf("budget %d", budget)
	}
}

package x86

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSweep decodes whole libraries and compares every instruction with what
// objdump says about it: libc whole, of bigger ones pieces from all over the text,
// with BPFTIME_TORTURE=1 everything.
func TestSweep(t *testing.T) {
	for _, f := range sweepFiles(t) {
		t.Run(filepath.Base(f), func(t *testing.T) { sweep(t, f) })
	}
}

// swept is a C library, a C++ one built for CET, hand-written assembly, vector code,
// codecs (up to AVX-512), and what the Go compiler makes. The names behind the first
// are those of other distributions.
var swept = [][]string{
	{"libc.so.6"}, {"ld-linux-x86-64.so.2"}, {"libm.so.6"}, {"libstdc++.so.6"}, {"libcrypto.so.3"},
	{"libx265.so.*"}, {"libdav1d.so.*"}, {"go"},
}

// sweepFiles finds the files. Where build.sh has seen to it that all are there, one
// that is not is an error.
func sweepFiles(t *testing.T) (found []string) {
	t.Helper()
	for _, names := range swept {
		p := ""
		for _, name := range names {
			p = cmp.Or(p, locate(name))
		}
		switch {
		case p != "":
			found = append(found, p)
		case os.Getenv("BPFTIME_REQUIRE_HOSTS") != "" || names[0] == "libc.so.6":
			t.Errorf("%s is not on this machine", names[0])
		default:
			t.Logf("%s is not on this machine", names[0])
		}
	}
	return found
}

func locate(name string) string {
	if name == "go" {
		p, _ := exec.LookPath(name)
		return p
	}
	for _, dir := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"} {
		if p, _ := filepath.Glob(filepath.Join(dir, name)); len(p) > 0 {
			return p[0]
		}
	}
	return ""
}

// sweep compares one file. Constants between functions, of which libcrypto has most,
// are no evidence.
func sweep(t *testing.T, file string) {
	var n tally
	for _, piece := range pieces(t, file) {
		args := append(slices.Clip(piece), file)
		if err := objdump(func(l line) { n.add(t, l) }, args...); err != nil {
			t.Fatal(err)
		}
	}
	n.report(t, file, 35000)
	if excused := sum(n.excused); excused > n.agreed/50 {
		t.Errorf("%d instructions were not compared", excused)
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// pieces is what of a text is swept, as arguments for objdump: all of it, or of a big
// one several pieces, the first and the last bytes among them.
func pieces(t *testing.T, file string) (args [][]string) {
	t.Helper()
	const most, number, length = 2 << 20, 16, 128 << 10
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	if os.Getenv("BPFTIME_TORTURE") != "" || text.Size <= most {
		return [][]string{nil}
	}
	for i := range uint64(number) {
		start := text.Addr + (text.Size-length)/(number-1)*i
		args = append(args, []string{fmt.Sprintf("--start-address=%#x", start), fmt.Sprintf("--stop-address=%#x", start+length)})
	}
	return args
}

// tally counts what a comparison came to.
type tally struct {
	agreed, differ int
	excused        map[string]int
}

func (n *tally) add(t *testing.T, l line) {
	t.Helper()
	excuse, err := compare(l)
	switch {
	case err != nil:
		if n.differ++; n.differ <= 20 {
			t.Errorf("%#x: %x %s: %v", l.addr, l.bytes, l.text, err)
		}
	case excuse != "":
		if n.excused == nil {
			n.excused = map[string]int{}
		}
		n.excused[excuse]++
	default:
		n.agreed++
	}
}

// report fails when too little was compared for the agreement to mean much.
func (n *tally) report(t *testing.T, what string, atLeast int) {
	t.Helper()
	t.Logf("%s: %d instructions agreed, %d differ, not compared: %v", what, n.agreed, n.differ, n.excused)
	if n.agreed < atLeast {
		t.Errorf("only %d instructions were compared", n.agreed)
	}
}

// compare returns why the line is not evidence, or what differs.
func compare(l line) (excuse string, err error) {
	if strings.Contains(l.text, "(bad)") || l.mnem == "" || l.mnem == ".byte" {
		return "data: (bad), .byte, lone prefixes", nil
	}
	in, err := Decode(l.bytes)
	if err == nil {
		err = compareInst(l, in)
	}
	if err == nil {
		return "", nil
	}
	if excuse := excused(l, in, err); excuse != "" {
		return excuse, nil
	}
	return "", err
}

// excused is the list of all known differences, on either side.
func excused(l line, in Inst, err error) string {
	op := l.bytes[l.prefixLen():][0]
	has66 := bytes.IndexByte(l.bytes[:l.prefixLen()], 0x66) >= 0
	switch {
	case op == 0x9b && in.Len == l.prefixLen()+1:
		return "fwait merged with the next instruction"
	case has66 && (errors.Is(err, ErrUnsupported)):
		return "66 before a near branch: refused"
	case (op == 0xc4 || op == 0xc5 || op == 0x62) && errors.Is(err, ErrInvalid):
		return "data: prefix before VEX"
	}
	return ""
}

func compareInst(l line, in Inst) error {
	if in.Len != len(l.bytes) {
		return fmt.Errorf("length %d", in.Len)
	}
	for _, check := range []func(line, Inst) error{compareRIP, compareBranch, compareKind, compareMem, compareRegs, compareImm} {
		if err := check(l, in); err != nil {
			return err
		}
	}
	return nil
}

func compareRIP(l line, in Inst) error {
	got, is := in.RIPTarget(l.addr)
	printed := strings.Contains(l.args, "(%rip)") || strings.Contains(l.args, "(%eip)")
	if is != printed {
		return fmt.Errorf("RIP-relative %v", is)
	}
	if is && (!l.has || got != l.comment) {
		return fmt.Errorf("operand at %#x", got)
	}
	return nil
}

func compareBranch(l line, in Inst) error {
	got, is := in.Target(l.bytes, l.addr)
	direct := isBranchName(l.mnem) && !strings.HasPrefix(l.args, "*")
	if is != direct {
		return fmt.Errorf("direct branch %v", is)
	}
	if !is {
		return nil
	}
	arg, _, _ := strings.Cut(l.args, " ")
	want, err := strconv.ParseUint(strings.TrimPrefix(arg, "0x"), 16, 64)
	if err != nil || got != want {
		return fmt.Errorf("target %#x, %v", got, err)
	}
	return nil
}

func isBranchName(mnem string) bool {
	return strings.HasPrefix(mnem, "j") || strings.HasPrefix(mnem, "call") ||
		strings.HasPrefix(mnem, "loop") || mnem == "xbegin"
}

// compareKind holds the classification against the mnemonic.
func compareKind(l line, in Inst) error {
	if got, want := in.Flow(), flowOf(l); got != want {
		return fmt.Errorf("flow %v, want %v", got, want)
	}
	nop := in.Op == 0x90 && (l.mnem == "nop" || l.args == "%ax,%ax" || l.args == "%rax,%rax") ||
		in.Op == 0x1f && strings.HasPrefix(l.mnem, "nop")
	if in.IsNop() != nop {
		return fmt.Errorf("IsNop %v", in.IsNop())
	}
	if in.IsEndbr64() != (l.mnem == "endbr64" && l.prefix == "") {
		return fmt.Errorf("IsEndbr64 %v", in.IsEndbr64())
	}
	if in.IsLea() != (l.mnem == "lea") {
		return fmt.Errorf("IsLea %v", in.IsLea())
	}
	return nil
}

func flowOf(l line) Flow {
	indirect := strings.HasPrefix(l.args, "*")
	switch m, _, _ := strings.Cut(l.mnem, ","); {
	case strings.HasPrefix(m, "ret"), strings.HasPrefix(m, "lret"), strings.HasPrefix(m, "iret"):
		return FlowRet
	case strings.HasPrefix(m, "call"), strings.HasPrefix(m, "lcall"):
		if indirect {
			return FlowCallIndirect
		}
		return FlowCall
	case strings.HasPrefix(m, "jmp"), strings.HasPrefix(m, "ljmp"):
		if indirect {
			return FlowJumpIndirect
		}
		return FlowJump
	case strings.HasPrefix(m, "loop"), m == "jrcxz", m == "jecxz":
		return FlowLoop
	case strings.HasPrefix(m, "j"), m == "xbegin":
		return FlowCond
	case m == "int3", m == "int", m == "int1", m == "icebp", m == "hlt", strings.HasPrefix(m, "ud"):
		return FlowTrap
	case m == "syscall", strings.HasPrefix(m, "sysenter"):
		return FlowSyscall
	}
	return FlowNext
}

package x86

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSweep decodes whole libraries and compares every instruction with what
// objdump says about it: of big ones a part, with BPFTIME_TORTURE=1 everything.
func TestSweep(t *testing.T) {
	files := sweepFiles()
	if len(files) == 0 {
		t.Fatal("none of the libraries to sweep is on this machine")
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) { sweep(t, f) })
	}
}

func sweepFiles() (found []string) {
	for _, name := range []string{
		"libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6", "libstdc++.so.6", "libcrypto.so.3", "go",
	} {
		if p := locate(name); p != "" {
			found = append(found, p)
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
		if p := filepath.Join(dir, name); exists(p) {
			return p
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func sweep(t *testing.T, file string) {
	var n tally
	args := append(textRange(t, file), file)
	if err := objdump(func(l line) { n.add(t, l) }, args...); err != nil {
		t.Fatal(err)
	}
	n.report(t, file, 10000)
}

// textRange limits a big text to a part in its middle, unless all is wanted.
func textRange(t *testing.T, file string) []string {
	t.Helper()
	const most = 2 << 20
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	if os.Getenv("BPFTIME_TORTURE") != "" || text.Size <= most {
		return nil
	}
	start := text.Addr + text.Size/2
	return []string{fmt.Sprintf("--start-address=%#x", start), fmt.Sprintf("--stop-address=%#x", start+most/2)}
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
	for _, check := range []func(line, Inst) error{compareRIP, compareBranch, compareKind, compareMem} {
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

// operand is AT&T syntax: seg:disp(base,index,scale).
var operand = regexp.MustCompile(`(%[fg]s:)?(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),([1248]))?\)`)

// compareMem holds the memory operand against the printed one. Where ModRM
// gives none (string instructions, xlat) nothing is compared.
func compareMem(l line, in Inst) error {
	if !in.HasMem || in.RIPRelative() {
		return nil
	}
	m := operand.FindStringSubmatch(l.args)
	if m == nil {
		return compareAbsolute(l, in)
	}
	disp, _ := strconv.ParseInt(m[2], 0, 64)
	want := Mem{Seg: segNamed(m[1]), Base: regNamed(m[3]), Index: regNamed(m[4]), Disp: int32(disp)}
	if m[5] != "" && want.Index != NoReg || in.VSIB {
		want.Scale = m[5][0] - '0'
	}
	if in.Compressed {
		if !isMultiple(want.Disp, in.Mem.Disp) {
			return fmt.Errorf("disp8 %d", in.Mem.Disp)
		}
		want.Disp = in.Mem.Disp
	}
	if in.Mem != want {
		return fmt.Errorf("operand %+v, want %+v", in.Mem, want)
	}
	return nil
}

// compareAbsolute checks an operand without registers, printed as a number.
func compareAbsolute(l line, in Inst) error {
	want := Mem{Base: NoReg, Index: NoReg, Seg: in.Mem.Seg, Disp: in.Mem.Disp}
	printed := fmt.Sprintf("0x%x", uint64(int64(in.Mem.Disp)))
	if in.AddrSize {
		printed = fmt.Sprintf("0x%x", uint32(in.Mem.Disp))
	}
	if in.Mem != want || !strings.Contains(l.args, printed) {
		return fmt.Errorf("operand %+v", in.Mem)
	}
	return nil
}

func isMultiple(disp, disp8 int32) bool {
	for n := int32(1); n <= 64; n *= 2 {
		if disp == disp8*n {
			return true
		}
	}
	return false
}

func segNamed(s string) Segment {
	return map[string]Segment{"%fs:": FS, "%gs:": GS}[s]
}

// regNamed knows 64- and 32-bit names; riz, eiz and vectors are no index.
func regNamed(s string) Reg {
	name := strings.TrimPrefix(s, "%")
	name = strings.TrimSuffix(name, "d")
	if strings.HasPrefix(name, "e") {
		name = "r" + name[1:]
	}
	for r := RAX; r <= R15; r++ {
		if r.String() == name {
			return r
		}
	}
	return NoReg
}

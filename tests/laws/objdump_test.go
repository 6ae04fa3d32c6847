package laws

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// An insn is one instruction as objdump prints it, prefixes apart.
type insn struct {
	addr     uint64
	fn       string   // the symbol before it
	section  string   //
	prefixes []string // lock, rep, cs, data16, notrack, bnd
	name     string   // without prefixes
	operands string
	relocs   []string // "R_X86_64_PLT32 memcpy-0x4"
}

func (i insn) String() string {
	return strings.TrimSpace(i.fn + "+" + strconv.FormatUint(i.addr, 16) + ": " + strings.Join(append(i.prefixes, i.name, i.operands), " "))
}

func (i insn) has(prefix string) bool {
	for _, p := range i.prefixes {
		if p == prefix {
			return true
		}
	}
	return false
}

var (
	insnLine    = regexp.MustCompile(`^\s*([0-9a-f]+):\t([^\t]*)$`)
	relocLine   = regexp.MustCompile(`^\s+[0-9a-f]+: (R_X86_64_\w+)\s+(\S+)`)
	symbolLine  = regexp.MustCompile(`^[0-9a-f]+ <(.+)>:$`)
	sectionLine = regexp.MustCompile(`^Disassembly of section (\S+):$`)
	prefixWord  = regexp.MustCompile(`^(lock|rep|repz|repnz|repe|repne|cs|ds|es|ss|fs|gs|data16|addr32|notrack|bnd|rex\S*)$`)
)

// disassemble runs objdump with the arguments.
func disassemble(t testing.TB, args ...string) (list []insn) {
	t.Helper()
	host.Require(t, "objdump")
	out, err := exec.Command("objdump", append([]string{"--no-show-raw-insn", "-w"}, args...)...).Output()
	if err != nil {
		t.Fatalf("objdump %q: %v", args, err)
	}
	section, fn := "", ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
		} else if m := symbolLine.FindStringSubmatch(line); m != nil {
			fn = m[1]
		} else if i, ok := parseInsn(line); ok {
			i.section, i.fn = section, fn
			list = append(list, i)
		} else if m := relocLine.FindStringSubmatch(line); m != nil && len(list) > 0 {
			last := &list[len(list)-1]
			last.relocs = append(last.relocs, m[1]+" "+m[2])
		}
	}
	return list
}

// parseInsn reads "   0:\tlock cmpxchg %rsi,(%rdx)"; with -w a relocation follows on the same line, behind a tab.
func parseInsn(line string) (i insn, ok bool) {
	text, reloc, _ := strings.Cut(line, "\tR_X86_64_")
	m := insnLine.FindStringSubmatch(strings.TrimRight(text, " \t"))
	if m == nil {
		return i, false
	}
	i.addr, _ = strconv.ParseUint(m[1], 16, 64)
	code, _, _ := strings.Cut(m[2], "#")
	words := strings.Fields(code)
	for len(words) > 1 && prefixWord.MatchString(words[0]) {
		i.prefixes, words = append(i.prefixes, words[0]), words[1:]
	}
	if len(words) > 0 {
		i.name, i.operands = words[0], strings.Join(words[1:], " ")
	}
	if reloc != "" {
		i.relocs = append(i.relocs, "R_X86_64_"+strings.Join(strings.Fields(reloc), " "))
	}
	return i, true
}

// disassembleBytes disassembles raw code as if it lay at addr.
func disassembleBytes(t testing.TB, code []byte, addr uint64) []insn {
	t.Helper()
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	return disassemble(t, "-D", "-b", "binary", "-m", "i386:x86-64", "--adjust-vma=0x"+strconv.FormatUint(addr, 16), file)
}

// ---- what is forbidden wherever it stands ----

// vectorRegister matches the registers whose state nobody saves on the way to a program.
var vectorRegister = regexp.MustCompile(`%([xyz]mm\d|st\b|mm\d|k[0-7]\b|tmm\d|bnd\d)`)

// implicitVector are instructions that touch such state without naming a register.
var implicitVector = regexp.MustCompile(`^(f[a-z].*|emms|vzero.*|xsave.*|xrstor.*|fx.*|ldmxcsr|stmxcsr|v[a-z].*)$`)

func (i insn) usesVectors() bool {
	return vectorRegister.MatchString(i.operands) || implicitVector.MatchString(i.name)
}

// locks: a lock prefix, or an exchange with memory, which locks without one.
func (i insn) locks() bool {
	return i.has("lock") || strings.HasPrefix(i.name, "xchg") && strings.Contains(i.operands, "(")
}

func (i insn) popsFlags() bool { return strings.HasPrefix(i.name, "popf") }

// belowStack matches an access below rsp: the red zone, which a function called from a stub does not have. lea only
// moves the pointer.
var belowStack = regexp.MustCompile(`-0x[0-9a-f]+\(%[re]sp`)

// usesRedZone: the call of tactic (d) reads its target there and nowhere else, since its frame must not be below the
// body's; no signal writes in the 128 bytes.
func (i insn) usesRedZone() bool {
	return i.operands != "*-0x10(%rsp)" && belowStack.MatchString(i.operands) && !strings.HasPrefix(i.name, "lea")
}

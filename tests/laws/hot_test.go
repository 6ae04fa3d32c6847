package laws

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// hotAllowed are the instructions on the way of a hit, each with what it is good for. objdump's suffixes (movq, cmpl) are
// cut off where the rest is on the list.
var hotAllowed = map[string]string{
	"mov": "registers to the frame and back", "movabs": "constants of the spread and the mark", "movz": "bytes of names",
	"lea": "moves rsp and computes without touching flags", "push": "words of tactic (b), callee-saved registers", "pop": "the same back",
	"add": integers, "adc": integers, "sub": integers, "sbb": integers, "mul": integers, "div": integers, "bt": integers, "tzcnt": integers, "bsr": integers, "bswap": integers, "and": integers, "or": integers, "xor": integers, "not": integers, "neg": integers,
	"cmp": integers, "test": integers, "shl": integers, "shr": integers, "sar": integers, "imul": "spread of thread numbers",
	"bts": "bit 63 of a mark", "btr": "who wants a return", "set": integers, "cmov": integers, "inc": "counts a hit, in the thread's own lease", "dec": integers,
	"j": "conditions", "jmp": "loops", "call": "the program, the body of a probed function, the rare path", "ret": "pairs with the call of the stub",
	"nop": "padding", "cmpxchg": "takes what belongs to no one yet", "xadd": "a place in the trace ring",
	"xchg":  "padding: xchg %ax,%ax",
	"pushf": "where a program changed rsp: the flags that it cannot", "iret": "the way there, 45 ns",
	"ud2":  "a return address is gone: somebody has copied a stack",
	"lahf": "flags that are live at an offset", "sahf": "the same back", "leave": "the frame of a thunk at a system call",
}

const integers = "numbers and addresses; flags are dead at a function's entry and return"

var (
	stringOp  = regexp.MustCompile(`^(movs|stos|lods|scas|cmps)[bwlqd]?$`)
	suffix    = regexp.MustCompile(`[bwlq]$`)
	condition = regexp.MustCompile(`^(j|set|cmov)(n?[abgleszopc]e?|n?[abgl]e?|p[eo]|rcxz)$`)
)

// allowedName returns the entry of hotAllowed, and whether there is one.
func allowedName(name string) bool {
	if m := condition.FindStringSubmatch(name); m != nil && name != "jmp" {
		name = m[1]
	}
	if strings.HasPrefix(name, "movz") || strings.HasPrefix(name, "movs") && len(name) > 4 {
		name = "movz"
	}
	if _, ok := hotAllowed[name]; ok {
		return true
	}
	_, ok := hotAllowed[suffix.ReplaceAllString(name, "")]
	return ok
}

// asksKernel are the functions that may make a system call: helpers of eBPF programs, where the kernel alone knows the answer.
// A probe that does not call them makes none.
var asksKernel = map[string]string{
	"bpftime_syscall": "bpf_probe_read of what nobody guards, names and numbers that another thread may have changed",
	// No helpers: these make the host's own call, once.
	"bpftime_syscall_any":  "a call that has no program, at a site that does not know its number",
	"bpftime_syscall_made": "a call that has",
}

// leaving is how often the hot section calls code outside of it: a system call of the host's that touches signals of ours is
// made by signal_calls.c, and behind one that makes a child dispatch.c is asked, at both ends.
const leaving = 3

// lockedBy says where an instruction may lock, and why. Everything else on the way of a hit does not.
var lockedBy = map[string]string{
	"internal/native/shadow.S":       "a place in the table of return addresses, which threads share",
	"internal/native/shadow.c":       "the same, on the rare way",
	"internal/native/thread.c":       "a thread's first hit, a borrowed lease and a miss: things that threads share; never a thread's later hits",
	"internal/native/bpf_storage.c":  "storage of tasks: a value for one that has none, and since when a thread lives, once",
	"internal/native/map_lock.c":     "values with a lock in them: an update that was given up is counted",
	"internal/native/bpf_spin.c":     "bpf_spin_lock and bpf_spin_unlock: what a program asks for",
	"internal/native/bpf_printk.c":   "bpf_trace_printk: one lock for a line in the ring that all processes write to",
	"internal/native/map_hash.c":     "chains that processes share: updates, deletions, and what a lookup that gave up counts",
	"internal/native/map_lru.c":      "who of a full map makes room: nodes that processes share",
	"internal/native/map_lpm.c":      "a trie that processes share: updates, and nodes that are given back",
	"internal/native/map_recorder.c": "a ring that writers of many processes share, and overwrite",
	"internal/native/map_stack.c":    "stacks that processes share: who fills an empty place",
	"internal/native/map_drain.c":    "a ring whose one reader is whoever drains it",
	"internal/native/map_steal.c":    "nodes in other leases' hands, when a full map needs one",
	"internal/native/map_lost.c":     "the same, to mend what a dead process left",
	"internal/native/map_block.c":    "a lease's first use of a map: its block of values",
	"internal/native/map_prog.c":     "a tail call to a program that the process does not have: it is counted",
	"internal/native/map_queue.c":    "bits of a filter that are not set yet",
	"internal/native/map_refer.c":    "an entry that names a map which the process does not have: it is counted",
	"internal/native/map_arena.c":    "pages that processes share: who takes one",
	"internal/native/map_ringbuf.c":  "records of many producers, in one ring",
}

// beside are the files of internal/native that no hit comes through: system calls of the host, which cost a hundred
// times more than a hit, and handlers of signals.
var beside = map[string]bool{
	"internal/native/dispatch.c": true, "internal/native/signal.c": true, "internal/native/signal_calls.c": true, "internal/native/trap.c": true, "internal/native/syscall.S": true,
}

// cold are the functions of internal/native that no hit comes through. All others are on the way of one.
var cold = map[string]string{
	"bpftime_syscall_dispatched": "behind a signal: a call of a site that is not rewritten goes on there, and back by its ip",
	"bpftime_helper":             "the applier asks it where a helper is",
	"bpftime_map_known":          "the applier says what it has mapped",
	"bpftime_bpf_helper":         "the same",
}

// TestHotInstructions looks at each instruction that may run between a site and the return to it.
func TestHotInstructions(t *testing.T) {
	for _, o := range objects(t, "internal/native") {
		if beside[o.source] {
			continue
		}
		for _, i := range o.code(t) {
			if cold[i.fn] != "" {
				continue
			}
			if !allowedName(i.name) && !(i.name == "syscall" && asksKernel[i.fn] != "") {
				t.Errorf("%s: %v: not on the list of what a hit may need", o.source, i)
			}
			if _, ok := lockedBy[o.source]; i.locks() && !ok {
				t.Errorf("%s: %v: locks", o.source, i)
			}
			if stringOp.MatchString(i.name) {
				t.Errorf("%s: %v: goes the wrong way where the host has set DF", o.source, i)
			}
			if strings.Contains(i.operands, "%gs:") {
				t.Errorf("%s: %v: gs is the host's", o.source, i)
			}
		}
	}
}

// TestHotCallsNobody: in the agent's file, every direct branch of the hot section stays in it, so nothing of it goes
// through the PLT into libc, or into Go. What it calls through a pointer are programs and bodies.
func TestHotCallsNobody(t *testing.T) {
	needsAgent(t)
	agent := host.Agent(t)
	lo, hi := section(t, agent, ".bpftime_hot")
	list := disassemble(t, "-d", "-j", ".bpftime_hot", agent)
	if len(list) < 500 {
		t.Fatalf("%d instructions in .bpftime_hot of %s", len(list), agent)
	}
	indirect, kernel := map[string]int{}, 0
	var left []string
	for _, i := range list {
		branch := i.name == "call" || strings.HasPrefix(i.name, "j")
		switch {
		case !branch:
		case strings.HasPrefix(i.operands, "*"):
			indirect[anyRegister.ReplaceAllString(i.name+" "+i.operands, "*${1}%r")]++
		default:
			word, _, _ := strings.Cut(i.operands, " ")
			if to, err := strconv.ParseUint(word, 16, 64); err != nil || to < lo || to >= hi {
				left = append(left, fmt.Sprint(i))
			}
		}
		if i.name == "syscall" {
			kernel++
		} else if i.usesVectors() || i.popsFlags() || i.usesRedZone() || !allowedName(i.name) {
			t.Errorf("%v: not on the list", i)
		}
	}
	if len(left) > leaving {
		t.Errorf("these leave the hot section %#x-%#x, where at most %d may: %q", lo, hi, leaving, left)
	}
	if kernel > len(asksKernel) {
		t.Errorf("%d places where the kernel is called, want %d", kernel, len(asksKernel))
	}
	for target := range indirect {
		if _, ok := indirectAllowed[target]; !ok {
			t.Errorf("%s: an indirect branch that is not on the list", target)
		}
	}
}

// anyRegister matches a pointer in whatever register the compiler had free; rsp is another matter.
var anyRegister = regexp.MustCompile(`\*((?:0x8)?\(?)%r([0-9]+|[abcd]x|[sd]i|bp)`)

// indirectAllowed are the pointers that the hot path follows.
var indirectAllowed = map[string]string{
	"jmp *(%rsp)": "back from a thunk at a system call, to the stub",
	"call *(%r)":  "RUN_FN: a program", "call *(%rsp)": "tactic (a): the body",
	"call *0x8(%r)": "bpf_for_each_map_elem: a function of the program", "call *%r": "a program, a function of one, the agent's function for _dl_debug_state, and the vDSO's clock", "call *0x10(%rsp)": "tactic (b), 2 words", "call *0x20(%rsp)": "4",
	"call *0x30(%rsp)": "6", "call *0x40(%rsp)": "8", "call *0x50(%rsp)": "10", "call *0x60(%rsp)": "12", "call *0x70(%rsp)": "14",
	"call *0x80(%rsp)": "16", "call *-0x10(%rsp)": "tactic (d): the body",
}

func section(t *testing.T, file, name string) (lo, hi uint64) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(name)
	if s == nil {
		t.Fatalf("%s: no section %s", file, name)
	}
	return s.Addr, s.Addr + s.Size
}

// TestVDSO: a borrowed lease is dated by the clock of the kernel's vDSO, so what holds for the hot path holds for it. This
// looks at the one of this machine.
func TestVDSO(t *testing.T) {
	m, found := openMemory(t, os.Getpid()), 0
	for _, v := range m.maps {
		if v.Path != "[vdso]" {
			continue
		}
		file := filepath.Join(t.TempDir(), "vdso.so")
		if err := os.WriteFile(file, m.read(v.Lo, int(v.Len())), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, i := range disassemble(t, "-d", file) {
			found++
			if (i.usesVectors() || i.popsFlags()) && !strings.Contains(i.fn, "getrandom") { // that is ChaCha
				t.Errorf("%v", i)
			}
		}
	}
	t.Logf("%d instructions", found)
}

// TestDetectors: what the tests of this package look for is found where it is.
func TestDetectors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"   0:\tmovaps %xmm0,0x10(%rsp)", "vector"}, {"   0:\tvpxor  %ymm1,%ymm1,%ymm1", "vector"}, {"   0:\tfxsave (%rax)", "vector"},
		{"   0:\tfldt   0x8(%rsp)", "vector"}, {"   0:\tvzeroupper", "vector"}, {"   0:\tkmovq  %k1,%rax", "vector"}, {"   0:\tmovd   %mm0,%eax", "vector"},
		{"   0:\tpopf", "popf"}, {"   0:\tpopfq", "popf"},
		{"   0:\tlock cmpxchg %rsi,(%rdx)", "lock"}, {"   0:\tlock addq $0x1,0x8(%rax)", "lock"}, {"   0:\txchg   %eax,(%rdi)", "lock"},
		{"   0:\tmov    %rax,-0x8(%rsp)", "red zone"}, {"   0:\tmov    -0x10(%rsp,%rax,8),%rdx", "red zone"},
		{"   0:\trdtsc", "unlisted"}, {"   0:\tsyscall", "unlisted"}, {"   0:\tcpuid", "unlisted"}, {"   0:\trdfsbase %rax", "unlisted"},
		{"   0:\tcall   0 <x>\tR_X86_64_PLT32\tmemcpy-0x4", ""}, {"   0:\tlea    -0xc0(%rsp),%rsp", ""}, {"   0:\txchg   %ax,%ax", ""},
		{"   0:\tcs nopw 0x0(%rax,%rax,1)", ""}, {"   0:\tdata16 cs nopw 0x0(%rax,%rax,1)", ""}, {"   0:\tmov    %fs:0x0,%rdi", ""}, {"   0:\tjae    10 <x>", ""},
		{"   0:\tmovzbl (%rsi),%eax", ""}, {"   0:\tcmovne %rax,%rdx", ""}, {"   0:\tincq   (%rcx,%rax,1)", ""},
	} {
		i, ok := parseInsn(c.line)
		if got := verdict(i); !ok || got != c.want {
			t.Errorf("%q: parsed %v as %+v: %q, want %q", c.line, ok, i, got, c.want)
		}
	}
	if i, _ := parseInsn("   0:\tcall   0 <x>\tR_X86_64_PLT32\tmemcpy-0x4"); fmt.Sprint(i.relocs) != "[R_X86_64_PLT32 memcpy-0x4]" {
		t.Errorf("relocations %q", i.relocs)
	}
}

func verdict(i insn) string {
	switch {
	case i.usesVectors():
		return "vector"
	case i.popsFlags():
		return "popf"
	case i.locks():
		return "lock"
	case i.usesRedZone():
		return "red zone"
	case !allowedName(i.name):
		return "unlisted"
	}
	return ""
}

package laws

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A memory is a process that waits.
type memory struct {
	t    testing.TB
	mem  *os.File
	maps []procmaps.Mapping
}

func openMemory(t testing.TB, pid int) memory {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	maps, err := procmaps.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	return memory{t, mem, maps}
}

func (m memory) read(addr uint64, n int) []byte {
	m.t.Helper()
	b := make([]byte, n)
	if _, err := m.mem.ReadAt(b, int64(addr)); err != nil {
		m.t.Fatalf("%#x: %v", addr, err)
	}
	return b
}

func (m memory) u64(addr uint64) uint64 { return binary.LittleEndian.Uint64(m.read(addr, 8)) }

func (m memory) mapping(addr uint64) procmaps.Mapping {
	for _, v := range m.maps {
		if v.Contains(addr) {
			return v
		}
	}
	return procmaps.Mapping{}
}

// site is the address of a change of text.
func (m memory) site(s host.Span) uint64 {
	for _, v := range m.maps {
		if v.Path == s.File && v.Exec && s.Offset >= v.Offset && s.Offset-v.Offset < v.Len() {
			return v.Lo + s.Offset - v.Offset
		}
	}
	m.t.Fatalf("%v is not mapped", s)
	return 0
}

// A kind of program: what of the thread's state it needs saved.
type kind struct {
	name   string
	object func(t *testing.T) string // "gadget: NAME" or "path: FILE"
	attach string                    // how the specifications follow
}

// kinds are a program that changes a few registers only (a leaf, in the sense of trampoline.Program), and one that is shown
// all and calls a helper.
var kinds = []kind{
	{"leaf", func(*testing.T) string { return "gadget: funccount" }, "args: [%s]"},
	{"full", fullObject, "attach: {full: [%s]}"},
}

func fullObject(t *testing.T) string {
	t.Helper()
	host.Require(t, "clang")
	out := filepath.Join(host.BinDir(t), "full.bpf.o")
	if _, err := os.Stat(out); err == nil {
		return "path: " + out
	}
	if msg, err := exec.Command("clang", "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-c", "testdata/full.bpf.c", "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, msg)
	}
	return "path: " + out
}

// manifest is the text for the agent that attaches a program of the kind to the specifications.
func (k kind) manifest(t *testing.T, specs ...string) string {
	return fmt.Sprintf("{objects: [{%s, "+k.attach+"}]}", k.object(t), `"`+strings.Join(specs, `", "`)+`"`)
}

// watchGuest runs the guest with a program on the entry and on the return of its f, and looks at it while it waits.
func watchGuest(t *testing.T, k kind, look func(t testing.TB, p *host.Proc)) {
	t.Helper()
	needsAgent(t)
	guest := host.Victim(t, "guest.c")
	dir := host.WorkDir(t)
	host.Run(t, host.Cmd{
		Args: []string{guest}, Dir: dir, Stdin: host.Held,
		Env: []string{
			"LD_PRELOAD=" + host.Agent(t), "BPFTIME_RUNDIR=" + filepath.Dir(dir) + "/run",
			"BPFTIME_MANIFEST=" + k.manifest(t, "uprobe/"+guest+":f", "uretprobe/"+guest+":f"),
		},
		Watch: func(t testing.TB, p *host.Proc) {
			p.Await("ready\n")
			look(t, p)
		},
	}, nil)
}

// TestPrograms finds the programs of a running process by way of its patched text: site, stub, list of runs, function.
// Every slot holds a thunk in the agent's hot section, every list is in an arena that is r-x.
func TestPrograms(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { watchGuest(t, k, checkPrograms) })
	}
}

func checkPrograms(t testing.TB, p *host.Proc) {
	m := openMemory(t, p.PID)
	spans, err := host.TextChanges(p.PID)
	if err != nil || len(spans) != 1 {
		t.Fatalf("changes of text: %v %v; want the one of f", spans, err)
	}
	site := m.site(spans[0])
	jump := m.read(site, 5)
	stub := site + 5 + uint64(int64(int32(binary.LittleEndian.Uint32(jump[1:]))))
	if arena := m.mapping(stub); jump[0] != 0xe9 || !arena.Exec || arena.Write || arena.Inode != 0 {
		t.Fatalf("the jump %x leads to %#x in %+v", jump, stub, arena)
	}
	programs := m.runs(m.u64(stub - 8)) // .quad runs; call *entry(%rip)
	body := m.u64(m.slot(stub + 6))     // push body(%rip); jmp *return(%rip)
	programs = append(programs, m.runs(m.u64(body-8))...)
	for _, slot := range []uint64{m.slot(stub), m.slot(stub + 12)} {
		if to := m.mapping(m.u64(slot)); filepath.Base(to.Path) != filepath.Base(host.Agent(t)) || !to.Exec || to.Write {
			t.Errorf("a slot of the stub leads to %#x in %+v", m.u64(slot), to)
		}
	}
	if len(programs) != 2 {
		t.Fatalf("%d programs, want one on the entry and one on the return", len(programs))
	}
	for _, fn := range programs {
		m.checkProgram(fn)
	}
}

// slot is the address that an instruction of the form ff /r disp32 (call, jmp or push through rip) names.
func (m memory) slot(at uint64) uint64 {
	b := m.read(at, 6)
	if b[0] != 0xff || b[1]&0xc7 != 0x05 {
		m.t.Fatalf("%#x: %x is no instruction through a slot", at, b)
	}
	return at + 6 + uint64(int64(int32(binary.LittleEndian.Uint32(b[2:]))))
}

// runs are the functions of a list.
func (m memory) runs(list uint64) (functions []uint64) {
	for fn := m.u64(list + abi.RUN_FN); fn != 0 && len(functions) < 10; fn = m.u64(list + abi.RUN_FN) {
		functions = append(functions, fn)
		list += abi.RUN_SIZE
	}
	return functions
}

// checkProgram: compiled code obeys the laws of what calls it. Which instructions the compiler uses is its own test's.
func (m memory) checkProgram(fn uint64) {
	m.t.Helper()
	where := m.mapping(fn)
	if !where.Exec || where.Write || where.Shared {
		m.t.Errorf("program at %#x in %+v; want private r-x", fn, where)
	}
	var text []string
	for _, i := range disassembleBytes(m.t, m.read(fn, 256), fn) {
		text = append(text, i.String())
		if i.usesVectors() || i.popsFlags() || i.locks() || i.usesRedZone() || i.name == "syscall" || i.name == "(bad)" {
			m.t.Errorf("%v: not in a program; it is\n%s", i, strings.Join(text, "\n"))
		}
		if i.name == "ret" {
			return
		}
	}
	m.t.Errorf("program at %#x has no end: %q", fn, text)
}

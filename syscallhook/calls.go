package syscallhook

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/trampoline"
)

// Any is the number of a Program that is for every call.
const Any = -1

// A Program runs when a system call is made.
type Program struct {
	trampoline.Program
	Number int32 // of the call, or Any
	Exit   bool  // behind it
}

// Calls is what a unit knows of system calls: which programs are for which. It is
// written into the unit once, and every site leads to a part of it.
type Calls struct {
	a        *trampoline.Arena
	programs []Program
	guard    bool             // signals are ours, and calls that touch them are guarded
	entries  map[int32]uint32 // number, or Any -> which of the table; none: nothing is to be done
	table    uint32           // of struct bpftime_calls
	came     list             // programs behind an execve
	dispatch bool             // calls of other sites come here
	index    uint32           // by number, for sites that do not know theirs
}

// NewCalls writes the table of a unit. Programs run in the order they are given in.
// sites are those that it will be asked to rewrite.
func NewCalls(a *trampoline.Arena, programs []Program, o Options, sites []Site) (*Calls, error) {
	c := &Calls{a: a, programs: programs, guard: o.Guard, dispatch: o.Dispatch, entries: map[int32]uint32{}}
	return c, a.Write(func() error {
		c.write()
		if c.dispatch || slices.ContainsFunc(sites, func(s Site) bool { return !s.Number.Known }) {
			c.writeIndex()
		}
		return nil
	})
}

// numbers are those that something is to be done for, in order.
func (c *Calls) numbers() (list []int32) {
	for _, p := range c.programs {
		list = append(list, p.Number)
	}
	if c.guard {
		list = append(list, guarded...)
	}
	if c.dispatch {
		list = append(list, unix.SYS_SECCOMP) // which ends it
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// write appends the lists of programs, and the table. Its first entry is for nothing.
func (c *Calls) write() {
	type calls struct {
		enter, exit list
		guard       bool
	}
	table := make([]calls, 1)
	for _, nr := range c.numbers() {
		c.entries[nr] = uint32(len(table))
		table = append(table, calls{c.list(nr, false), c.list(nr, true), c.guards(nr)})
	}
	c.came = table[c.entry(unix.SYS_EXECVE)].exit
	c.table = c.a.Align(8)
	for _, t := range table {
		t.enter.emit(c.a)
		t.exit.emit(c.a)
		var flag uint64
		if t.guard {
			flag = 1
		}
		c.a.Emit64(flag)
		c.a.Emit64(0)
	}
}

// Came is where in the unit the list of programs behind an execve is, which nobody comes
// back from: they run in what has come. ok: there is one.
func (c *Calls) Came() (list uint32, ok bool) { return c.came.at, c.came.there }

// list is where a list of runs lies in the unit, if there is one.
type list struct {
	at    uint32
	there bool
}

func (l list) emit(a *trampoline.Arena) {
	if l.there {
		a.Field(abi.RELOC_ARENA_ABS64, 0, int64(l.at))
	} else {
		a.Emit64(0)
	}
}

// list writes the programs for a number, those for any among them.
func (c *Calls) list(nr int32, exit bool) list {
	var programs []trampoline.Program
	for _, p := range c.programs {
		if (p.Number == nr || p.Number == Any) && p.Exit == exit {
			programs = append(programs, p.Program)
		}
	}
	if len(programs) == 0 {
		return list{}
	}
	return list{c.a.Runs(programs), true}
}

// writeIndex appends which of the table each number has; the last is for all numbers
// that no call has yet.
func (c *Calls) writeIndex() {
	c.index = c.a.Align(2)
	for nr := int32(0); nr <= abi.SYSCALL_NUMBERS; nr++ {
		n := c.entry(nr)
		c.a.Emit(byte(n), byte(n>>8))
	}
}

// entry is which of the table a number has: 0 is for nothing.
func (c *Calls) entry(nr int32) uint32 {
	if n := c.entries[nr]; n != 0 {
		return n
	}
	return c.entries[Any]
}

// twice are the calls that come back twice, on another stack or on one that is not the
// caller's own, and the one that finds its frame by rsp: there may be no frame of ours
// while they are made.
var twice = []int32{unix.SYS_CLONE, unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_CLONE3, unix.SYS_RT_SIGRETURN}

// Rewrite has a site lead to the programs for its call; internal/native/thunks_syscall.S
// says how.
//
//	stub: <what stands before the syscall>
//	      <call>
//	      <what stands behind it>
//	      jmp   behind
func (c *Calls) Rewrite(s Site) error {
	return c.a.Write(func() error {
		w := &callWriter{c, s}
		for _, helper := range []uint32{abi.HELPER_SYSCALL, abi.HELPER_SYSCALL_ANY, abi.HELPER_SYSCALL_ENTER, abi.HELPER_SYSCALL_EXIT, abi.HELPER_SYSCALL_CHILD} {
			c.a.Reserve(helper)
		}
		if s.Number.Known {
			return w.known()
		}
		return w.unknown()
	})
}

// callWriter writes the stub of one site.
type callWriter struct {
	*Calls
	s Site
}

// ip is where the call comes back.
func (w *callWriter) ip() uint64 { return w.s.Vaddr + uint64(len(opcode)) }

// site writes a struct bpftime_call_site for a number, or for any.
func (w *callWriter) site(n Number) uint32 {
	at, entry := w.a.Align(8), uint32(0)
	if n.Known {
		entry = w.entry(n.Value)
	}
	w.a.Field(abi.RELOC_MODULE_ABS64, 0, int64(w.ip()))
	w.a.Field(abi.RELOC_ARENA_ABS64, 0, int64(w.table+entry*abi.CALLS_SIZE))
	if n.Known {
		w.a.Emit64(0)
	} else {
		w.a.Field(abi.RELOC_ARENA_ABS64, 0, int64(w.index))
	}
	w.a.Emit64(uint64(int64(n.Value)))
	w.a.Emit64(0) // where thunk goes on
	return at
}

func (w *callWriter) known() error {
	site := w.site(w.s.Number)
	stub := w.a.Align(16)
	if err := w.a.Move(w.s.Lo, w.s.Vaddr); err != nil {
		return err
	}
	if slices.Contains(twice, w.s.Number.Value) {
		w.between(site)
	} else {
		w.made(abi.HELPER_SYSCALL, site)
	}
	if _, err := w.goOn(); err != nil {
		return err
	}
	return w.lead(stub)
}

// unknown finds out at first, without a flag or a stack slot, whether the call may have a
// frame of ours:
//
//	      lea   -56(%rax), %ecx ; jrcxz 1f ; …
//	      <any>
//	2:    <what stands behind it> ; jmp behind
//	1:    jmp 3f ; …
//	3:    syscall, between thunks where programs ask for it ; jmp 2b
func (w *callWriter) unknown() error {
	site, sites := w.site(Number{}), make([]uint32, len(twice))
	for i, nr := range twice {
		sites[i] = w.site(known(int64(nr)))
	}
	stub := w.a.Align(16)
	if err := w.a.Move(w.s.Lo, w.s.Vaddr); err != nil {
		return err
	}
	var tests []uint32
	for _, nr := range twice {
		w.a.Emit(0x8d, 0x88) // lea -nr(%rax),%ecx
		w.a.Emit32(uint32(-nr))
		w.a.Emit(0xe3, 0) // jrcxz
		tests = append(tests, w.a.Len())
	}
	w.made(abi.HELPER_SYSCALL_ANY, site)
	behind, err := w.goOn()
	if err != nil {
		return err
	}
	if err := w.apart(tests, sites, behind); err != nil {
		return err
	}
	return w.lead(stub)
}

// apart writes the calls of `twice`, each of which a test leads to.
func (w *callWriter) apart(tests, sites []uint32, behind uint32) error {
	jumps := w.a.Len()
	for i, test := range tests {
		d := w.a.Len() - test
		if d > 127 {
			return fmt.Errorf("what stands behind the syscall is too long where it goes to: %d bytes", d)
		}
		w.a.Code[test-1] = byte(d)
		w.a.Emit(0xe9)
		w.a.Emit32(uint32(i)) // filled in below
	}
	for i := range tests {
		at := jumps + uint32(i+1)*jumpLen
		w.a.Put32(at-4, w.a.Len()-at)
		w.between(sites[i])
		w.a.Emit(0xe9)
		w.a.Rel32(behind)
	}
	return nil
}

// made has a thunk make the call, with the red zone kept:
//
//	      lea   site(%rip), %rcx
//	      lea   -128(%rsp), %rsp
//	      push  (%rcx)
//	      push  32(%rcx)
//	      jmp   *thunk(%rip)
//	back: lea   144(%rsp), %rsp
func (w *callWriter) made(helper, site uint32) {
	w.words(site)
	w.a.Emit(0xff, 0x71, abi.CALL_SITE_BACK)
	w.a.Jump(helper)
	w.a.Relocs = append(w.a.Relocs, plan.Reloc{Kind: abi.RELOC_ARENA_ABS64, At: site + abi.CALL_SITE_BACK, Addend: int64(w.a.Len())})
	w.a.Emit(0x48, 0x8d, 0xa4, 0x24, 144, 0, 0, 0)
}

// words puts ip behind the red zone.
func (w *callWriter) words(site uint32) {
	w.a.Emit(0x48, 0x8d, 0x0d)
	w.a.Rel32(site)
	w.a.Emit(0x48, 0x8d, 0x64, 0x24, 0x80, 0xff, 0x31)
}

// thunk calls one that comes back by `ret`, with rsp as it was.
func (w *callWriter) thunk(helper, site uint32) {
	w.words(site)
	w.a.Call(helper)
}

// thunkLen is how many bytes thunk writes.
const thunkLen = 20

// between makes the call itself, between what is to be done before and behind it. Only who
// has a result sees that: the child goes on at once, or asks for dispatch.
func (w *callWriter) between(site uint32) {
	w.thunk(abi.HELPER_SYSCALL_ENTER, site)
	w.a.Emit(opcode...)
	const jmpLen = 2
	if w.dispatch {
		w.a.Emit(0x48, 0x89, 0xc1, 0xe3, thunkLen+jmpLen)
		w.thunk(abi.HELPER_SYSCALL_EXIT, site)
		w.a.Emit(0xeb, thunkLen) // jmp
		w.thunk(abi.HELPER_SYSCALL_CHILD, site)
	} else {
		w.a.Emit(0x48, 0x89, 0xc1, 0xe3, thunkLen) // mov %rax,%rcx; jrcxz
		w.thunk(abi.HELPER_SYSCALL_EXIT, site)
	}
	w.a.Emit(0x48, 0x8d, 0x0d) // lea ip(%rip),%rcx
	w.a.ModuleRel32(w.ip(), 0)
}

// goOn writes what stands behind the syscall, and the way back; it returns where.
func (w *callWriter) goOn() (at uint32, err error) {
	at = w.a.Len()
	if err := w.a.Move(w.ip(), w.s.Hi); err != nil {
		return at, err
	}
	w.a.GoOn(w.s.Hi)
	return at, nil
}

func (w *callWriter) lead(stub uint32) error {
	tactic := uint32(abi.TACTIC_JUMP)
	if w.s.Tactic == Short {
		tactic = abi.TACTIC_SHORT
	}
	return w.a.Lead(w.s.Lo, w.s.Hi, w.s.Hole, tactic, stub)
}

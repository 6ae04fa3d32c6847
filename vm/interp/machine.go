package interp

import (
	"fmt"
	"math"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// Options of a machine. The zero value runs a program without helpers and maps,
// as long as it likes.
type Options struct {
	// Helpers are the functions behind calls. bpf_tail_call is not one of
	// them, see TailCall.
	Helpers *helper.Registry

	// Maps are the values that a reference to a map loads, one for each map;
	// they mean something to the helpers only. MapValues are the addresses of
	// their values for references that want those (0: it has none).
	Maps, MapValues []uint64

	// Arena is what addresses are cast to, see Arena.
	Arena Arena

	// TailCall finds the target of bpf_tail_call(ctx, array, index). nil, of
	// the function or of what it returns, makes the call fail.
	TailCall func(array uint64, index uint32) *vm.Program

	// Budget is how many instructions a run may take; 0 means no limit.
	Budget uint64

	// MaxDepth is how many frames of one program may be live at once; 0 means
	// vm.MaxDepth. What a tail call starts counts anew, as in the kernel, so
	// up to 34 times as many may be live in a run.
	MaxDepth int
}

// Machine runs one program and what it tail-calls.
type Machine struct {
	opts     Options
	prog     *vm.Program
	main     *code
	programs map[*vm.Program]*code
	mem      Memory
	ctx      int     // region of the context
	frames   []frame // by depth
	executed uint64  // instructions of the last run

	// Of the run that is on:
	code  *code
	left  uint64 // instructions it may still take
	depth int    // of the live frame
	base  int    // depth of the first frame of the running program
	floor int    // depth of the frame whose exit ends the run, or a callback
	used  int    // frames that have been live
	tails int    // tail calls so far
}

// registers has room beyond r10 so that no index needs a check. Register zero
// is always 0: the second operand of an instruction with an immediate.
type registers [16]uint64

const zero vm.Register = 11

// frame is what a call saves and where the callee's stack is.
type frame struct {
	stack  []byte
	region int
	loops  uint32 // how often may_goto still falls through
	// Of the caller:
	code  *code
	pc    int
	base  int
	saved [5]uint64 // r6 to r10
}

// New makes a machine. It fails when the program calls a helper that has no Go
// function, or refers to a map that is not there.
func New(p *vm.Program, opts Options) (*Machine, error) {
	if opts.MaxDepth == 0 {
		opts.MaxDepth = vm.MaxDepth
	}
	if p.Depth() > opts.MaxDepth {
		return nil, fmt.Errorf("interp: the program needs %d frames, of %d", p.Depth(), opts.MaxDepth)
	}
	m := &Machine{opts: opts, prog: p, programs: map[*vm.Program]*code{}}
	m.mem.machine = m
	m.ctx = m.mem.add("the context", nil, ReadWrite)
	var err error
	m.main, err = m.compiled(p)
	return m, err
}

// Memory is the address space of the program.
func (m *Machine) Memory() *Memory { return &m.mem }

// Executed is the number of instructions that the last run took; an LDDW counts
// as one.
func (m *Machine) Executed() uint64 { return m.executed }

// Run runs the program with r1 the address of ctx and r2 its length, both 0 for
// an empty one, and returns r0. What the program writes is in ctx afterwards.
// The error is a *Fault.
func (m *Machine) Run(ctx []byte) (r0 uint64, err error) {
	if len(ctx) == 0 {
		return m.Call()
	}
	if uint64(len(ctx)) > maxRegion {
		return 0, fmt.Errorf("interp: a context of %d bytes is larger than %d", len(ctx), maxRegion)
	}
	m.mem.set(m.ctx, ctx, ReadWrite)
	defer m.mem.set(m.ctx, nil, ReadOnly)
	return m.Call(regionAddr(m.ctx), uint64(len(ctx)))
}

// Call runs the program with up to five arguments in r1 to r5.
func (m *Machine) Call(args ...uint64) (r0 uint64, err error) {
	if len(args) > 5 {
		return 0, fmt.Errorf("interp: %d arguments are more than five", len(args))
	}
	r := &registers{}
	copy(r[vm.R1:], args)
	m.reset()
	m.enter(r, 0)
	err = m.run(r, 0)
	m.executed = m.budget() - m.left
	return r[vm.R0], err
}

func (m *Machine) budget() uint64 {
	if m.opts.Budget == 0 {
		return math.MaxUint64
	}
	return m.opts.Budget
}

// reset undoes what the last run left, also when it ended in a fault.
func (m *Machine) reset() {
	for i := range m.frames[:m.used] {
		clear(m.frames[i].stack)
		m.leave(i)
	}
	m.code, m.left, m.used, m.depth, m.base, m.floor, m.tails = m.main, m.budget(), 0, 0, 0, 0, 0
}

// enter makes a frame live and points r10 at its end.
func (m *Machine) enter(r *registers, depth int) {
	f := m.frame(depth)
	m.mem.set(f.region, f.stack, ReadWrite)
	f.loops = vm.MaxLoops
	r[vm.R10] = regionAddr(f.region) + vm.FrameSize
	m.depth, m.used = depth, max(m.used, depth+1)
}

// leave ends the life of a frame.
func (m *Machine) leave(depth int) {
	m.mem.set(m.frames[depth].region, nil, ReadOnly)
}

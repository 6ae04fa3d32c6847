package interp

import (
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/vm"
)

// frame returns the frame of a depth, made when it is first asked for.
func (m *Machine) frame(depth int) *frame {
	for len(m.frames) <= depth {
		name := fmt.Sprintf("the stack of frame %d", len(m.frames))
		m.frames = append(m.frames, frame{
			stack:  make([]byte, vm.FrameSize),
			region: m.mem.add(name, nil, ReadOnly),
		})
	}
	return &m.frames[depth]
}

// push makes a frame for a call that returns to pc. r1 to r5 go to the callee
// as they are and r6 to r10 are saved.
func (m *Machine) push(r *registers, pc int) error {
	if m.depth-m.base+1 >= m.opts.MaxDepth {
		return fmt.Errorf("%w: %d frames are the limit", ErrDepth, m.opts.MaxDepth)
	}
	f := m.frame(m.depth + 1)
	f.code, f.pc, f.base = m.code, pc, m.base
	copy(f.saved[:], r[vm.R6:vm.R10+1])
	m.enter(r, m.depth+1)
	return nil
}

// pop ends a call and returns where it goes on.
func (m *Machine) pop(r *registers) (pc int) {
	f := &m.frames[m.depth]
	m.leave(m.depth)
	m.depth--
	m.code, m.base = f.code, f.base
	copy(r[vm.R6:vm.R10+1], f.saved[:])
	return f.pc
}

// callx calls the function at an address that an LDDW has loaded, or the helper
// of a number, as the conformance suite wants it. It returns where to go on.
func (m *Machine) callx(r *registers, target uint64, pc int) (int, error) {
	if index, ok := m.function(target); ok {
		return index, m.push(r, pc)
	}
	if id := int32(target); id >= 0 && uint64(id) == target {
		if entry, _ := m.opts.Helpers.Lookup(id); entry.Go != nil {
			var err error
			r[vm.R0], err = entry.Go(&m.mem, r[1], r[2], r[3], r[4], r[5])
			return pc, err
		}
	}
	return pc, fmt.Errorf("%w: %#x is no function of this program and no registered helper", ErrCall, target)
}

// Call lets a helper call a function of the program that runs: helper.Caller.
func (m *Memory) Call(f uint64, args ...uint64) (r0 uint64, err error) {
	if len(args) > 5 {
		return 0, fmt.Errorf("interp: %d arguments are more than five", len(args))
	}
	r := &registers{}
	copy(r[vm.R1:], args)
	return m.machine.callBack(r, f)
}

func (m *Machine) callBack(r *registers, f uint64) (r0 uint64, err error) {
	index, ok := m.function(f)
	if !ok {
		return 0, fmt.Errorf("%w: %#x is no function of this program", ErrCall, f)
	}
	if err := m.push(r, 0); err != nil {
		return 0, err
	}
	floor := m.floor
	m.floor = m.depth
	if err := m.run(r, index); err != nil {
		return 0, err
	}
	m.floor = floor
	m.pop(r)
	return r[vm.R0], nil
}

// function finds the one whose address an LDDW has loaded.
func (m *Machine) function(addr uint64) (index int, ok bool) {
	at := addr - m.code.addr
	if at >= uint64(m.code.prog.Len()) {
		return 0, false
	}
	f := m.code.prog.Functions()[m.code.prog.FunctionOf(int(at))]
	return int(at), f.Start == int(at) && f.Referenced
}

// tailCall replaces the running program by the one that r2 and r3 name, in the
// same frame: its exit returns to whoever called the frame. taken is false when
// the call fails as it may, and the program goes on.
func (m *Machine) tailCall(r *registers) (taken bool, err error) {
	if m.opts.TailCall == nil || m.tails >= vm.MaxTailCalls {
		return false, nil
	}
	p := m.opts.TailCall(r[vm.R2], uint32(r[vm.R3]))
	if p == nil {
		return false, nil
	}
	c, err := m.compiled(p)
	if err != nil {
		return false, fmt.Errorf("%w: target of the tail call: %w", ErrCall, err)
	}
	m.tails++
	m.code, m.base = c, m.depth
	m.frames[m.depth].loops = vm.MaxLoops
	return true, nil
}

// locate makes a fault of an error at the instruction of the index.
func (m *Machine) locate(err error, index int) error {
	var inner *Fault // in a function that a helper has called
	if err == nil || errors.As(err, &inner) {
		return err
	}
	p := m.code.prog
	return &Fault{Program: p, Slot: p.Slot(index), Insn: p.Instructions()[index], Err: err}
}

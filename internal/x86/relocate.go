package x86

import "fmt"

// FixupKind is how a Fixup is resolved.
type FixupKind uint8

const (
	// FixRel32: a signed 32-bit little-endian distance,
	// Target - (address of the field + 4 + Tail).
	FixRel32 FixupKind = iota + 1
	// FixAbs64: the 64-bit little-endian run-time address of Target.
	FixAbs64
)

// Fixup is a field in relocated code that depends on where the code comes to
// lie and where the module is loaded. Until it is resolved it holds zeros.
type Fixup struct {
	At     int // offset of the field in Code
	Kind   FixupKind
	Target uint64 // module address
	Tail   int    // FixRel32: bytes between the field and the end of its instruction
}

// Moved pairs the offsets of an instruction in the window and in the copy.
type Moved struct{ Old, New int }

// Relocated is a copy of a window that does the same at another place.
type Relocated struct {
	// Code is the instructions and, where the window ends in a call, the slot
	// that holds its return address: 8 bytes, not aligned. It may be read-only.
	Code   []byte
	Fixups []Fixup

	// Index has every moved instruction in order, then the end of the window
	// and of the copy's instructions. A thread that stands at Old, or is to
	// stand there again, stands at New in the copy. Instructions that control
	// cannot reach are not moved.
	Index []Moved

	// FallsThrough tells whether control can run off the end of the
	// instructions: then the caller appends a jump to the end of the window.
	// Never with a slot.
	FallsThrough bool
}

// maxWindow bounds what Relocate takes, in bytes. A patch covers a few
// instructions; a window this long is a mistake of the caller.
const maxWindow = 4096

// Window returns the length of the fewest whole instructions at the start of
// code that cover need bytes.
func Window(code []byte, need int) (int, error) {
	n := 0
	for n < need {
		inst, err := Decode(code[n:])
		if err != nil {
			return 0, fmt.Errorf("window of %d bytes: %w", need, undecoded(code, n, err))
		}
		n += inst.Len
	}
	return n, nil
}

// undecoded says where Decode failed and what stood there.
func undecoded(code []byte, off int, err error) error {
	return fmt.Errorf("offset %d: bytes %x: %w", off, code[off:min(len(code), off+maxLen)], err)
}

// Relocate rewrites code, whole instructions of a module that stand at the
// module address addr, for another place within 2 GiB of all they refer to.
// Control must enter the window at its start only.
//
//	window                        copy
//	rip-relative operand          the same address
//	jcc, jmp, xbegin out of it    the same target, with rel32
//	jcc, jmp, xbegin within it    the copy of the target, also for the start
//	loop, jrcxz                   loop 1f; jmp 2f; 1: jmp target; 2:
//	call at the end               [rsp] = original return address; jmp target
//	call *operand at the end      the same with jmp *operand
//	all others                    verbatim
//
// So the callee returns into the module's text behind the window, and an
// unwinder meets no frame of ours. That return is predicted wrongly (12 ns). A
// processor that checks returns against a shadow stack (CET SHSTK) faults on it.
//
// Refused, with an error that names the instruction: what Decode refuses; a
// call before the end, whose return address the patch overwrites; a far call;
// a branch into the middle of an instruction; an operand inside the window,
// except the start's address; and an indirect call through rsp, or through
// memory below it. The same memory reached through another register is not
// noticed: no compiler keeps a callee there, where a signal may overwrite it.
func Relocate(code []byte, addr uint64) (Relocated, error) {
	if len(code) > maxWindow {
		return Relocated{}, fmt.Errorf("x86: cannot move %d bytes, %d are the most", len(code), maxWindow)
	}
	r := relocator{code: code, addr: addr, startsAt: make(map[int]int)}
	for _, step := range []func() error{r.split, r.findLive, r.emit} {
		if err := step(); err != nil {
			return Relocated{}, err
		}
	}
	r.link()
	return r.out, nil
}

// relocator moves one window.
type relocator struct {
	code     []byte
	addr     uint64
	insts    []placed
	startsAt map[int]int // offset in code → index in insts
	inner    []innerBranch
	out      Relocated
}

// placed is an instruction of the window.
type placed struct {
	Inst
	off   int // in code
	new   int // in out.Code, once emitted
	live  bool
	inner int // index of the instruction it branches to, or outside
}

const outside = -1

// innerBranch is a rel32 field whose target is in the window.
type innerBranch struct{ at, target int } // offset in out.Code, index in insts

func (r *relocator) bytes(p *placed) []byte { return r.code[p.off : p.off+p.Len] }

func (r *relocator) refuse(p *placed, why string) error {
	return fmt.Errorf("x86: cannot move %x at offset %d (%#x): %s", r.bytes(p), p.off, r.addr+uint64(p.off), why)
}

// split decodes the window.
func (r *relocator) split() error {
	for off := 0; off < len(r.code); {
		inst, err := Decode(r.code[off:])
		if err != nil {
			return fmt.Errorf("x86: cannot move code at %#x: %w", r.addr, undecoded(r.code, off, err))
		}
		r.startsAt[off] = len(r.insts)
		r.insts = append(r.insts, placed{Inst: inst, off: off})
		off += inst.Len
	}
	return nil
}

// inWindow tells whether a module address lies in the window, and where.
func (r *relocator) inWindow(target uint64) (off int, ok bool) {
	d := target - r.addr // wraps when target is below
	return int(d), d < uint64(len(r.code))
}

// findLive marks what control can reach from the start of the window.
func (r *relocator) findLive() error {
	for todo := []int{0}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case i == outside:
		case i == len(r.insts):
			r.out.FallsThrough = true
		case !r.insts[i].live:
			p := &r.insts[i]
			p.live = true
			if p.continues() {
				todo = append(todo, i+1)
			}
			if err := r.findInner(p); err != nil {
				return err
			}
			todo = append(todo, p.inner)
		}
	}
	return nil
}

// continues tells whether control can go on to the next instruction in the
// copy. After a call it goes on in the module.
func (p *placed) continues() bool {
	switch p.Flow() {
	case FlowNext, FlowCond, FlowLoop, FlowTrap, FlowSyscall:
		return true
	}
	return false
}

// findInner sets p.inner. A call of the start goes outside: it is a call of
// the function, patch and all.
func (r *relocator) findInner(p *placed) error {
	p.inner = outside
	target, direct := p.Target(r.bytes(p), r.addr+uint64(p.off))
	off, inside := r.inWindow(target)
	if !direct || !inside || off == 0 && p.Flow() == FlowCall {
		return nil
	}
	i, ok := r.startsAt[off]
	if !ok {
		return r.refuse(p, fmt.Sprintf("it branches to offset %d, inside an instruction", off))
	}
	p.inner = i
	return nil
}

//go:build linux && amd64

package exec

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A block holds the most that a run can have live: 34 programs, each with eight
// full frames, as the tail call from the eighth leaves the other seven behind.
// What is never touched is never memory.
const (
	stackSize   = 256 << 10 // of a block, and its alignment
	stateOffset = stackSize - 256
)

// state is what the two sides leave for each other; enter_amd64.s knows its
// fields by name.
type state struct {
	goSP, goBP uintptr
	sp         uintptr   // of the program, in a helper call
	saved      [6]uint64 // rbx, rbp, r12 to r15 of the program
	entry      uintptr   // code to enter
	args       [5]uint64 // r1 to r5: of the program or of the helper
	r0         uint64    // result: of the program or of the helper
	called     uint64    // 1: a helper call, 0: the program has returned
	helper     uint32    // which helper …
	program    uint32    // … of which program
}

// The state fits above stateOffset, which is aligned as a call wants it.
var _ [stackSize - stateOffset - unsafe.Sizeof(state{})]byte
var _ [-(stateOffset % 16)]byte

// enter is given the context only so that it lies in the heap, where it does not
// move: what an assembly function is given escapes.
func enter(s *state, ctx unsafe.Pointer)
func resume(s *state)
func helperExitAddr() uintptr

// stack is a block that programs run on, one at a time.
type stack struct {
	block unsafe.Pointer // aligned to stackSize; the lowest page is no memory
	ctx   []byte         // of the program that runs
}

// stacks holds blocks that no program is using.
var stacks sync.Pool

func takeStack() (*stack, error) {
	if s, ok := stacks.Get().(*stack); ok {
		return s, nil
	}
	return newStack()
}

func (s *stack) release() {
	s.ctx = nil
	stacks.Put(s)
}

// newStack maps twice as much as it needs and gives back what is not aligned.
func newStack() (*stack, error) {
	p, err := unix.MmapPtr(-1, 0, nil, 2*stackSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("exec: a stack of %d bytes: %w", stackSize, err)
	}
	below := -uintptr(p) % stackSize
	block := unsafe.Add(p, below)
	unmap(p, below)
	unmap(unsafe.Add(block, stackSize), stackSize-below)
	guard := unsafe.Slice((*byte)(block), unix.Getpagesize())
	if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
		unmap(block, stackSize)
		return nil, fmt.Errorf("exec: the guard page of a stack: %w", err)
	}
	s := &stack{block: block}
	runtime.AddCleanup(s, func(block unsafe.Pointer) { unmap(block, stackSize) }, block)
	return s, nil
}

func unmap(p unsafe.Pointer, n uintptr) {
	if n != 0 {
		_ = unix.MunmapPtr(p, n) // of a mapping of ours: it cannot fail
	}
}

func (s *stack) state() *state { return (*state)(unsafe.Add(s.block, stateOffset)) }

// bytes is the part of the block that frames may occupy.
func (s *stack) bytes() []byte {
	guard := unix.Getpagesize()
	return unsafe.Slice((*byte)(unsafe.Add(s.block, guard)), stateOffset-guard)
}

// enter runs the code until it returns or calls a helper.
func (s *stack) enter(entry uintptr, args [5]uint64, ctx []byte) {
	s.ctx = ctx
	st := s.state()
	st.entry, st.args = entry, args
	enter(st, unsafe.Pointer(unsafe.SliceData(ctx)))
}

// resume goes on behind a helper call, with its result.
func (s *stack) resume(r0 uint64) {
	st := s.state()
	st.r0 = r0
	resume(st)
}

// called reports whether the program calls a helper; else it has returned.
func (s *stack) called() bool { return s.state().called != 0 }

// helperCall is the call.
func (s *stack) helperCall() (program, helper uint32, args [5]uint64) {
	st := s.state()
	return st.program, st.helper, st.args
}

// result is r0 when the program has returned.
func (s *stack) result() uint64 { return s.state().r0 }

func address(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

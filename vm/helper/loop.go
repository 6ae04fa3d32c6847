package helper

import "errors"

// maxLoops is BPF_MAX_LOOPS.
const maxLoops = 1 << 23

// Numbers of errors, negative as a program gets them.
const (
	minusE2BIG  = -7 & (1<<64 - 1)
	minusEINVAL = -22 & (1<<64 - 1)
)

// ErrNoCaller ends a run in an engine that cannot call the program back.
var ErrNoCaller = errors.New("helper: the engine cannot call back into the program")

// Loop is bpf_loop, for the interpreter.
func Loop(m Memory, n, f, arg, flags, _ uint64) (uint64, error) {
	c, ok := m.(Caller)
	switch {
	case !ok:
		return 0, ErrNoCaller
	case flags != 0:
		return minusEINVAL, nil
	case uint32(n) > maxLoops:
		return minusE2BIG, nil
	}
	for i := range uint64(uint32(n)) {
		if stop, err := c.Call(f, i, arg); err != nil || stop != 0 {
			return i + 1, err
		}
	}
	return uint64(uint32(n)), nil
}

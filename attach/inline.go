package attach

import (
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// ofFrame is where a word of the thunk's frame lies, from the context that it gives.
func ofFrame(at int32) int32 { return at - abi.FRAME_REGS }

// inlined are the helpers that programs do by themselves: what they only have to fetch.
// Of each, internal/native has the function that gives the same.
//
// The pair of pid and tid is kept by the thread whose entry the thunk found, and then it
// is of this process: what a child finds there of its parent's has lost its upper half
// before the child's first program runs (first_hit in thread.c).
var inlined = map[int32]jit.Loads{
	14:  {At: []int32{ofFrame(abi.FRAME_THREAD), abi.THREAD_PID_TGID}, Upper: true}, // get_current_pid_tgid
	173: {At: []int32{ofFrame(abi.FRAME_RUN), abi.RUN_IP}},                          // get_func_ip
	174: {At: []int32{ofFrame(abi.FRAME_RUN), abi.RUN_COOKIE}},                      // get_attach_cookie
}

func inline(id int32) *jit.Loads {
	if l, ok := inlined[id]; ok {
		return &l
	}
	return nil
}

// array describes a map of the object for lookups, if it is an array. Its file has that
// size, or is refused.
func (l *loaded) array(i int32) (jit.Array, bool) {
	spec, err := mapSpec(l.Maps[i])
	if err != nil || spec.Type != maps.Array {
		return jit.Array{}, false
	}
	return jit.Array{Entries: spec.MaxEntries, Stride: (spec.ValueSize + 7) &^ 7, Data: abi.MAP_DATA_OFF}, true
}

package helper

import (
	"slices"
	"sync"
)

// Proto is the prototype of a helper. Args lists what the verifier checks; a
// helper takes more only if it is Variadic.
type Proto struct {
	ID       int32
	Name     string // the kernel's, without "bpf_"
	Args     []Arg
	Ret      Ret
	Variadic bool // the registers after Args are passed as they are
}

// Arg is the kind of an argument, with flags; the kernel's bpf_arg_type.
type Arg uint16

// Kinds of arguments.
const (
	Anything             Arg = iota + 1 // any initialised value
	ConstMapPtr                         // a map, known when the program is verified
	PtrToMapKey                         // readable memory of the map's key size
	PtrToMapValue                       // memory of the map's value size
	PtrToMem                            // memory whose size is the next argument
	PtrToFixedMem                       // memory of 8 bytes
	ConstSize                           // size of the memory before it, at least 1
	ConstSizeOrZero                     // the same, 0 allowed
	ConstAllocSizeOrZero                // size of the memory that is returned
	PtrToCtx                            // the program's context
	PtrToConstStr                       // a string in a read-only map
	PtrToFunc                           // a function of the program
	PtrToStack                          // memory on the stack, for the callback
	PtrToSpinLock                       // a bpf_spin_lock in a map value
	PtrToTimer                          // a bpf_timer in a map value
	PtrToRingbufMem                     // what ringbuf_reserve returned
	PtrToDynptr                         // a bpf_dynptr on the stack
	PtrToTask                           // a task_struct that get_current_task_btf returned
	kindMask             Arg = 0xff
)

// Flags of arguments.
const (
	MaybeNull Arg = 0x100 << iota // 0 is allowed
	ReadOnly                      // the helper only reads the memory
	Uninit                        // the helper writes all of it before it reads
	Release                       // the helper takes back the reference
)

// Kind is a without its flags.
func (a Arg) Kind() Arg { return a & kindMask }

// Has reports whether a has all of the flags.
func (a Arg) Has(flags Arg) bool { return a&flags == flags }

// Ret is the kind of a result; the kernel's bpf_return_type.
type Ret uint8

// Kinds of results.
const (
	Integer Ret = iota
	Void
	PtrToMapValueOrNull
	PtrToRingbufMemOrNull // a reference: submit or discard it
	PtrToDynptrMemOrNull
	PtrToTaskRet // never 0
	PtrToCookie  // 8 bytes, never 0
	PtrToArena   // in address space 1: to be cast before it is followed; or 0
)

// ByID finds a prototype by the kernel's number.
func ByID(id int32) (Proto, bool) {
	p, ok := byID()[id]
	return p, ok
}

// ByName finds a prototype by the kernel's name, without "bpf_".
func ByName(name string) (Proto, bool) {
	for _, p := range protos {
		if p.Name == name {
			return p, true
		}
	}
	return Proto{}, false
}

// Name is the kernel's name of a number, also where the prototype is not known
// here. It is "" for numbers that the kernel does not have.
func Name(id int32) string {
	if id <= 0 || int(id) >= len(names) {
		return ""
	}
	return names[id]
}

var byID = sync.OnceValue(func() map[int32]Proto {
	m := map[int32]Proto{}
	for _, p := range append(slices.Clip(protos), kfuncs...) {
		m[p.ID] = p
	}
	return m
})

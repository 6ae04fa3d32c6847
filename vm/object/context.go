package object

import "strings"

// Context is what a program is given in r1.
type Context struct {
	Size     int  // bytes
	Hidden   int  // of these, at its beginning, that no program may read
	Writable bool // what a program writes there means something
}

// The contexts there are. Sizes are the kernel's.
var (
	// ofFunction is struct pt_regs, which probes of functions may change.
	ofFunction = Context{Size: 168, Writable: true}
	// ofCall is struct pt_regs too, of the kernel's function that does a system call.
	ofCall = Context{Size: 168}
	// ofEntry is struct trace_event_raw_sys_enter, ofExit trace_event_raw_sys_exit. The
	// kernel keeps a pointer in place of the common fields, and programs out of it.
	ofEntry = Context{Size: 64, Hidden: 8}
	ofExit  = Context{Size: 24, Hidden: 8}
	// ofRaw is the two arguments of the kernel's tracepoint.
	ofRaw = Context{Size: 16}
)

// ContextOf is what programs of a kind are given. exit is about tracepoints: whether it is
// that behind a system call.
func ContextOf(kind string, exit bool) Context {
	switch kind {
	case "tracepoint":
		if exit {
			return ofExit
		}
		return ofEntry
	case "raw_tracepoint", "tp_btf":
		return ofRaw
	case "ksyscall", "kretsyscall":
		return ofCall
	}
	return ofFunction
}

// Context is what the program is given where its section says it attaches.
func (s Section) Context() Context {
	event := s.Target[strings.LastIndexByte(s.Target, '/')+1:]
	return ContextOf(s.Kind, strings.HasPrefix(event, "sys_exit"))
}

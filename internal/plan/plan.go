// Package plan is the format in which a compiled set of probes travels from the
// compiler to whoever applies it.
//
// Protocol. The compiler (attach) fills a Plan, Encode writes it, an applier
// checks it and applies it: C in the agent (preload/check.c, preload/apply.c).
// Everything in a plan is relative: code is bytes plus relocations against the
// module, the arena the applier maps near it, the session and the maps; a site is
// an address in the module's file. So a plan can be checked without the process,
// applied at any address, and kept for the same build-ids.
//
// A plan is hostile input to its reader: Decode checks shape and bounds as the C
// checker does, and a test gives both the same broken plans.
package plan

import "github.com/bpftime-go/bpftime/internal/abi"

// A Plan applies whole or not at all.
type Plan struct {
	Abort    bool // on_error: abort
	Traps    bool // SIGTRAP becomes ours, and sites may have abi.TACTIC_TRAP
	Reads    bool // SIGSEGV and SIGBUS become ours, and reads of bad addresses may fault
	Calls    bool // programs see system calls, those of later modules too
	Dispatch bool // SIGSYS becomes ours, and calls of sites that are not rewritten come to Unit.Dispatch
	Units    []*Unit
	Links    []Link
	Maps     []Map
	Wants    []string // PATHs of specifications whose module is not known yet
}

// A Link is one program at one specification; it has a slot in the session.
type Link struct {
	Name    string // "object.program SPEC"
	Kind    uint32 // abi.LINK_*
	Tactic  uint32 // abi.TACTIC_* bits of its sites
	Refused uint32 // sites that could not be patched
	Why     string // and the reason of the last one
	Calls   uint32 // sites that are system calls; others are counted by their lists of runs
}

// A Map is a file of the session that code of the plan addresses.
type Map struct {
	Path string
	Size uint64 // bytes of the file
}

// MaxBuildID is how many bytes of a build-id there is room for; linkers write 16
// or 20 unless they are told otherwise.
const MaxBuildID = 32

// A Unit is everything for one module: one arena near it, and the sites in it.
type Unit struct {
	Path     string // of the file; only for messages when there is a build-id
	BuildID  []byte // at most MaxBuildID
	LoadBase uint64 // page-aligned virtual address of the first PT_LOAD
	Late     bool   // not loaded when the plan was made
	Hook     bool   // ours: the dynamic linker's notification
	Code     []byte // stubs, lists of runs and programs, in one arena
	Relocs   []Reloc
	Patches  []Patch
	// Semaphores are virtual addresses of u16 in the module's data, which count who
	// listens to markers of the unit.
	Semaphores []uint64
	Outposts   []Outpost
	// Came is the offset in Code of the list of programs behind an execve, which run when
	// the plan is applied at the start of what was executed; 0: not in this unit.
	Came uint32
	// Dispatch is the offset in Code of the struct bpftime_call_site for calls that the
	// kernel dispatches; 0: not in this unit.
	Dispatch uint32
}

// A Reloc fills a field of a unit's code; see abi.h for what each kind computes.
type Reloc struct {
	Kind   uint32
	At     uint32 // offset of the field in Code
	Sym    uint32 // helper, map or link, by kind
	Addend int64
}

// An Outpost is a jump to the stub at an address that is not free to choose, outside
// the module. Whoever applies the plan finds its page unused, or does not apply it.
type Outpost struct {
	Vaddr uint64 // relative to the module, which it may lie below
	Stub  uint32 // offset in Code
}

// A Patch replaces Orig at a site by Text, in which 4 bytes at RelAt become the
// distance to the stub, unless RelAt is abi.PATCH_NO_REL. They are written in order
// and undone in the reverse. A jump that others of the unit lead to is none that a
// thread may stand at: an instruction may have begun elsewhere.
type Patch struct {
	Vaddr  uint64
	Tactic uint32
	Stub   uint32 // offset in Code
	RelAt  uint8
	Orig   []byte // same length as Text, at most 16
	Text   []byte
}

// hasRoom tells whether a text of n bytes has room for the distance, or none in it.
func hasRoom(relAt uint8, n uint64) bool {
	return relAt == abi.PATCH_NO_REL || uint64(relAt)+4 <= n
}

// width is how many bytes a relocation of that kind fills.
func (r Reloc) width() int {
	if r.Kind == abi.RELOC_MODULE_REL32 || r.Kind == abi.RELOC_LINK_COUNTER32 {
		return 4
	}
	return 8
}

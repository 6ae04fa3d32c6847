package object

import (
	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
)

// Spec is everything an object says. Nobody may change it.
type Spec struct {
	Name      string // as given to Load: the file
	License   string
	Programs  []*ProgramSpec
	Functions []*Function // all of them, those of the programs first
	Maps      []*MapSpec  // those of .maps, then data sections and .kconfig
	Externs   []*Extern
	Types     *btf.Spec // nil: compiled without -g

	local *btf.Spec // the same once more, as CO-RE's relocations know it
}

// ProgramSpec is a function that can be attached.
type ProgramSpec struct {
	*Function
	SEC Section // where it says it attaches
}

// Function is a function of the object, as compiled.
type Function struct {
	Name    string
	Section string // name of the ELF section it is in
	Insns   []Instruction
	Lines   []Line    // of the source, by instruction; empty without -g
	Type    *btf.Func // nil without -g
}

// Instruction is one instruction with what it is to refer to. Calls and LDDWs
// that have a Ref mean nothing before they are linked.
type Instruction struct {
	vm.Instruction
	Ref  Ref
	CORE *btf.CORERelocation // nil: none
}

// Ref is what an instruction refers to by name.
type Ref struct {
	Kind   RefKind
	Name   string
	Offset uint32 // RefData: into the value
}

// RefKind says what a Ref names.
type RefKind uint8

// Kinds of references.
const (
	RefNone   RefKind = iota
	RefMap            // LDDW of a map
	RefData           // LDDW of a place in the value of a data section's map
	RefFunc           // call of a function, or LDDW of its address
	RefExtern         // call or LDDW of something outside: see Spec.Externs
	RefBroken         // Name says why this cannot be linked
)

// Line says which line of the source the instructions from Insn on come from.
type Line struct {
	Insn      int // index into Function.Insns
	File      string
	Line, Col int
	Text      string
}

// MapSpec defines a map. Zero sizes are what the object left open.
type MapSpec struct {
	Name       string // ".rodata", ".bss" and so on for a data section
	Type       MapType
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	Extra      uint64   // map_extra; of an arena: the address of its first byte for its users
	Pinned     bool     // LIBBPF_PIN_BY_NAME
	Key, Value btf.Type // nil: unknown; the Value of a data section is its *btf.Datasec
	Inner      *MapSpec // of maps in maps

	// Contents is the initial value of a data section's map, which has one
	// entry; nil for other maps.
	Contents []byte
	// Globals are the variables of an arena, which lie at its beginning; its Value is
	// their *btf.Datasec then.
	Globals []byte
	// Values are initial entries that name a map or a program.
	Values []MapValue

	variables []variable // of a data section, by offset
	used      bool       // an instruction refers to the data section
}

// MapValue is an initial entry of a map of maps or of programs.
type MapValue struct {
	Index uint32
	Name  string // of a map, or of a program if the map is a prog_array
}

// ArenaStart is where users have an arena that does not say where (map_extra).
const ArenaStart = 1 << 44

// ReadOnly flags a map that programs only read (BPF_F_RDONLY_PROG).
const ReadOnly uint32 = 1 << 7

// IsData reports whether the map is a data section.
func (m *MapSpec) IsData() bool { return m.Contents != nil }

// Extern is something the object wants from outside.
type Extern struct {
	Name   string
	Weak   bool
	Type   btf.Type // nil: unknown
	Config bool     // a value of .kconfig, not a symbol of the kernel
	Offset uint32   // Config: in the value of the map ".kconfig"
}

// variable is a symbol in a data section.
type variable struct {
	name         string
	offset, size uint64
	addresses    bool // initialised with addresses, which nobody knows
}

// Program returns the program of that name, nil if there is none.
func (s *Spec) Program(name string) *ProgramSpec {
	for _, p := range s.Programs {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Map returns the map of that name, nil if there is none.
func (s *Spec) Map(name string) *MapSpec {
	for _, m := range s.Maps {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// names lists the names of things that have one.
func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = name(v)
	}
	return out
}

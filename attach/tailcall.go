package attach

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/object"
)

// Tail calls. The file of a prog_array holds identities of programs (maps.Identity of
// OBJECT.PROGRAM), since their code lies elsewhere in each process. A unit with a program
// that makes tail calls has the code of every program that one may lead to, and
//
//	stub    mov $table,%rcx; mov $bpftime_tail_call,%rax; jmp *%rax
//	table   struct program_table (internal/native/map.h)
//
// once for each object and kind of context; objects that share an array have one together.
// So every program of them that could be attached at such a site can be put into the array
// later, and is found without anything being compiled.

// A target is a program of an object that a tail call may lead to.
type target struct {
	*loaded
	name string
}

// targets are the programs that tail calls of one with that context may lead to: those
// that are given the same.
func (l *loaded) targets(context object.Context) (out []target) {
	for _, k := range l.kin {
		for _, p := range k.spec.Programs {
			if p.SEC.Kind != "" && p.SEC.Context() == context {
				out = append(out, target{k, p.Name})
			}
		}
	}
	return out
}

// sharePrograms has the objects that share arrays of programs, also by way of others, know
// each other.
func sharePrograms(objects []*loaded) {
	by := map[string]*loaded{}
	for _, l := range objects {
		for _, m := range l.Maps {
			if m.Type != object.ProgArray || !l.isShared(m) {
				continue
			}
			if other := by[m.Name]; other != nil {
				l.join(other)
			}
			by[m.Name] = l
		}
	}
}

func (l *loaded) join(other *loaded) {
	if slices.Contains(l.kin, other) {
		return
	}
	all := append(slices.Clone(other.kin), l.kin...)
	for _, k := range all {
		k.kin = all
	}
}

// joinTargets gives a program that makes tail calls the properties of all that it may go
// on with. Those that the object itself puts into an array have to be there; another
// one that cannot be compiled is none that the process has.
func (l *loaded) joinTargets(k *code) error {
	for _, to := range l.targets(k.context) {
		t, err := to.compile(to.name, k.context)
		if err != nil && to.puts(to.name) {
			return fmt.Errorf("it may go on with %s: %w", to.name, err)
		}
		if err == nil {
			k.join(t)
		}
	}
	return nil
}

// puts tells whether an array of programs has the program from the beginning.
func (l *loaded) puts(program string) bool {
	return slices.ContainsFunc(l.Maps, func(m *object.MapSpec) bool {
		return m.Type == object.ProgArray && slices.ContainsFunc(m.Values, func(v object.MapValue) bool { return v.Name == program })
	})
}

func (k *code) join(t *code) {
	k.writes, k.reads, k.stacks = k.writes || t.writes, k.reads || t.reads, k.stacks || t.stacks
	if k.specs == nil {
		k.specs = t.specs
	}
	if k.overrides == "" {
		k.overrides = t.overrides
	}
	if k.asks == "" {
		k.asks = t.asks
	}
	if k.wantsArgs == "" {
		k.wantsArgs = t.wantsArgs
	}
}

// put returns where a program's code is in the unit.
func (u *unit) put(k *code) uint32 {
	if at, ok := u.code[k]; ok {
		return at
	}
	tails := uint32(0)
	if k.tails {
		tails = u.tailCalls(family{k.of.kin[0], k.context})
	}
	if at, ok := u.code[k]; ok { // as one that itself may go on with
		return at
	}
	at := k.emit(u.Unit, tails)
	u.code[k] = at
	return at
}

// A family is the programs of an object, and of its kin, that may go on with each other.
type family struct {
	*loaded
	context object.Context
}

// tailCalls returns where the stub of a family's tail calls is.
func (u *unit) tailCalls(f family) uint32 {
	if at, ok := u.tails[f]; ok {
		return at
	}
	at := u.Align(16)
	u.tails[f] = at
	u.Emit(0x48, 0xb9) // mov $table,%rcx
	u.Field(abi.RELOC_ARENA_ABS64, 0, int64(at)+tableAfter)
	u.Emit(0x48, 0xb8) // mov $helper,%rax
	u.Field(abi.RELOC_HELPER_ABS64, abi.HELPER_BPF+vm.TailCall, 0)
	u.Emit(0xff, 0xe0) // jmp *%rax
	u.Align(8)
	u.programTable(f)
	return at
}

const tableAfter = 24 // the stub has 22 bytes

// programTable writes the table of a family's targets, then the targets, of which some
// may be in the unit by now.
func (u *unit) programTable(f family) {
	ids := map[*code]uint64{}
	var order []*code
	for _, to := range f.targets(f.context) {
		if k, err := to.compile(to.name, f.context); err == nil {
			ids[k], order = maps.Identity(to.loaded.name+"."+to.name), append(order, k)
		}
	}
	slots := uint64(1) << bits.Len(uint(len(order)))
	table := u.Emit64(slots - 1)
	u.Emit(make([]byte, slots*16)...)
	for _, k := range order {
		n := ids[k] & (slots - 1)
		for binary.LittleEndian.Uint64(u.Code[slotAt(table, n):]) != 0 {
			n = (n + 1) & (slots - 1)
		}
		binary.LittleEndian.PutUint64(u.Code[slotAt(table, n):], ids[k])
		to := u.put(k) + uint32(k.TailEntry)
		u.Relocs = append(u.Relocs, plan.Reloc{Kind: abi.RELOC_ARENA_ABS64, At: slotAt(table, n) + 8, Addend: int64(to)})
	}
}

func slotAt(table uint32, n uint64) uint32 { return table + 8 + 16*uint32(n) }

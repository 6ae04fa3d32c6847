package attach

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

const lookupPerCPU = 195

// foldable: what bpf_map_lookup_percpu_elem returns is a copy, for which there has to be room.
func (l *loaded) foldable(p *object.Program) error {
	asks := where(p, lookupPerCPU)
	if asks == "" {
		return nil
	}
	for _, i := range p.Maps() {
		if m := l.Maps[i]; maps.Type(m.Type).IsPerCPU() && m.ValueSize > abi.MAP_SCRATCH {
			return fmt.Errorf("bpf_map_lookup_percpu_elem (%s): values of %s have %d bytes; at most %d are added up", asks, m.Name, m.ValueSize, abi.MAP_SCRATCH)
		}
	}
	return nil
}

// A map's value by bytes: which belong to numbers that can be added, and with which
// such a number ends.
type lanes struct {
	number, ends []bool
}

// lanesOf says where the numbers of a value end (maps.Spec.Lanes). A word that also
// holds something else counts as that.
func lanesOf(t btf.Type, size uint32) string {
	if t == nil || size > abi.MAP_SCRATCH {
		return ""
	}
	l := lanes{make([]bool, size), make([]bool, (size+7)&^7)}
	l.add(t, 0)
	out := make([]byte, min(len(l.ends)/8, abi.MAP_NLANES))
	for w := range out {
		out[w] = l.word(w)
	}
	if string(out) == maps.UsualLanes(size) {
		return ""
	}
	return string(out)
}

func (l *lanes) word(w int) (ends byte) {
	for i := range 8 {
		at := 8*w + i
		if at < len(l.number) && !l.number[at] {
			return 0
		}
		if l.ends[at] {
			ends |= 1 << i
		}
	}
	return ends
}

// add looks into a type that begins at a byte. What lies between members belongs to the
// number before it.
func (l *lanes) add(t btf.Type, at uint32) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		if t.Encoding != btf.Char && t.Name != "char" { // clang says of a char that it is a number
			l.addNumber(at, t.Size)
		}
	case *btf.Enum:
		l.addNumber(at, t.Size)
	case *btf.Array:
		l.addArray(t, at)
	case *btf.Struct:
		l.addStruct(t, at)
	}
}

func (l *lanes) addNumber(at, size uint32) {
	if size > 8 || uint64(at)+uint64(size) > uint64(len(l.number)) {
		return
	}
	for i := range size {
		l.number[at+i] = true
	}
	l.ends[at+size-1] = true
}

func (l *lanes) addArray(t *btf.Array, at uint32) {
	size, err := btf.Sizeof(t.Type)
	if err != nil || size <= 0 {
		return
	}
	for i := range t.Nelems {
		if uint64(at)+uint64(i+1)*uint64(size) > uint64(len(l.number)) {
			return
		}
		l.add(t.Type, at+i*uint32(size))
	}
}

func (l *lanes) addStruct(t *btf.Struct, at uint32) {
	end := at
	for _, m := range t.Members {
		from := at + m.Offset.Bytes()
		l.pad(end, from)
		size, err := btf.Sizeof(m.Type)
		if err != nil || size < 0 || m.BitfieldSize != 0 {
			return
		}
		l.add(m.Type, from)
		end = from + uint32(size)
	}
	l.pad(end, at+t.Size)
}

// pad: bytes that hold nothing.
func (l *lanes) pad(from, to uint32) {
	for i := from; i < to && i < uint32(len(l.number)); i++ {
		l.number[i] = true
	}
}

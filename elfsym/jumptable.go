package elfsym

import (
	"debug/elf"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// maxTableEntries bounds the entries that one call of JumpTableTargets reads.
const maxTableEntries = 1 << 20

// JumpTableTargets returns the addresses in fn that data says may be jumped to,
// ascending, each once. Compilers of switch statements and computed gotos leave
// them in two forms:
//
//   - a table of 32-bit offsets from its own start, which the code takes with
//     lea table(%rip),%reg. The table of every such lea in fn (and in fn's cold
//     part) is read as far as its entries land in code;
//   - 64-bit addresses in data, by a relocation or, in a file that is not
//     position-independent, as they stand. Each one that lies in fn counts.
//
// This says too much, never too little: a lea may address something else, and a
// number may look like an address. What it cannot see is code that computes a
// target from a label within itself, a table built at run time, and the table
// of a cold part in a stripped file. The start of fn is not reported.
func (f *File) JumpTableTargets(fn Func) ([]uint64, error) {
	targets, err := f.relativeTargets(fn)
	if err != nil {
		return nil, fmt.Errorf("%s: jump tables of %#x-%#x: %w", f.name, fn.Lo, fn.Hi, err)
	}
	pointers, err := f.codePointers()
	if err != nil {
		return nil, fmt.Errorf("%s: code addresses in data: %w", f.name, err)
	}
	from, _ := slices.BinarySearch(pointers, fn.Lo+1)
	to, _ := slices.BinarySearch(pointers, fn.Hi)
	if from < to {
		targets = append(targets, pointers[from:to]...)
	}
	slices.Sort(targets)
	return slices.Compact(targets), nil
}

// relativeTargets reads the tables of offsets.
func (f *File) relativeTargets(fn Func) ([]uint64, error) {
	var targets []uint64
	budget := maxTableEntries
	for _, part := range f.parts(fn) {
		code, err := f.contents(part.Lo, part.Hi-part.Lo)
		if err != nil {
			return nil, err
		}
		for _, table := range leaTargets(code, part.Lo) {
			targets = f.readTable(targets, fn, table, &budget)
			if budget == 0 {
				return nil, fmt.Errorf("%w: more than %d entries", ErrFormat, maxTableEntries)
			}
		}
	}
	return targets, nil
}

// leaTargets is the addresses that lea disp32(%rip),%r64 computes, ascending,
// each once. It looks at every byte, as an instruction may begin at any:
//
//	48|4c 8d modrm(mod 0, rm 5) disp32
func leaTargets(code []byte, vaddr uint64) []uint64 {
	var at []uint64
	for i := 0; i+7 <= len(code); i++ {
		if code[i+1] == 0x8d && code[i]|4 == 0x4c && code[i+2]&0xc7 == 0x05 {
			at = append(at, vaddr+uint64(i)+7+uint64(int32(le.Uint32(code[i+3:]))))
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// readTable appends the entries of the table at vaddr that land inside fn, up
// to the first that does not land in code. Each entry it looks at costs 1.
func (f *File) readTable(targets []uint64, fn Func, vaddr uint64, budget *int) []uint64 {
	const step = 256
	for at := vaddr; ; at += 4 * step {
		b, err := f.upTo(at, 4*step)
		if err != nil {
			return targets
		}
		for ; len(b) >= 4 && *budget > 0; b = b[4:] {
			*budget--
			to := vaddr + uint64(int32(le.Uint32(b)))
			if !f.Executable(to) {
				return targets
			}
			if fn.Lo < to && to < fn.Hi {
				targets = append(targets, to)
			}
		}
		if len(b) > 0 {
			return targets // no budget, or the contents end
		}
	}
}

// codePointers is every 64-bit code address in the file's data, ascending.
func (f *File) codePointers() ([]uint64, error) {
	return f.pointers.get(func() ([]uint64, error) {
		var at []uint64
		d, err := f.dyn()
		if err == nil && f.typ == elf.ET_DYN {
			at, err = f.relocatedPointers(d)
		} else if err == nil {
			at, err = f.plainPointers()
		}
		slices.Sort(at)
		return slices.Compact(at), err
	})
}

// plainPointers takes every aligned word of the segments that is the address of
// code. Of a program of 100 MB it holds a part at a time.
func (f *File) plainPointers() ([]uint64, error) {
	var at []uint64
	buf := make([]byte, 256<<10)
	for _, p := range f.loads {
		for off := -p.vaddr & 7; off < p.filesz; off += uint64(len(buf)) {
			b := buf[:min(uint64(len(buf)), p.filesz-off)]
			if err := f.in.fill(b, p.off+off); err != nil {
				return nil, err
			}
			for ; len(b) >= 8; b = b[8:] {
				if v := le.Uint64(b); f.Executable(v) {
					at = append(at, v)
				}
			}
		}
	}
	return at, nil
}

// relocatedPointers takes the addends of relative relocations: in DT_RELA they
// stand in the entries, with DT_RELR at the places that are relocated.
func (f *File) relocatedPointers(d *dynamic) ([]uint64, error) {
	const relative = uint64(elf.R_X86_64_RELATIVE)
	var at []uint64
	if d.rela != 0 {
		b, err := f.contents(d.rela, d.relasz)
		if err != nil {
			return nil, fmt.Errorf("DT_RELA: %w", err)
		}
		for ; len(b) >= relaSize; b = b[relaSize:] {
			if v := le.Uint64(b[16:]); le.Uint64(b[8:]) == relative && f.Executable(v) {
				at = append(at, v)
			}
		}
	}
	if d.relr == 0 {
		return at, nil
	}
	places, err := f.relrPlaces(d)
	if err != nil {
		return nil, fmt.Errorf("DT_RELR: %w", err)
	}
	data, err := f.writableData()
	for place := range places {
		if v := wordAt(data, place); f.Executable(v) {
			at = append(at, v)
		}
	}
	return at, err
}

// maxRelr bounds DT_RELR, of which 8 bytes stand for up to 63 places. A browser
// has 150 KB.
const maxRelr = 16 << 20

// relrPlaces walks DT_RELR. An even entry is the address of a place; an odd one
// is a bitmap of the 63 words behind the last.
func (f *File) relrPlaces(d *dynamic) (iter.Seq[uint64], error) {
	b, err := f.contents(d.relr, min(d.relrsz, maxRelr))
	return func(yield func(uint64) bool) {
		next := uint64(0)
		for ; len(b) >= 8; b = b[8:] {
			e := le.Uint64(b)
			if e&1 == 0 {
				next = e + 8
				if !yield(e) {
					return
				}
				continue
			}
			for rest := e >> 1; rest != 0; rest &= rest - 1 {
				if !yield(next + 8*uint64(bits.TrailingZeros64(rest))) {
					return
				}
			}
			next += 63 * 8
		}
	}, err
}

// data is the contents of a segment.
type data struct {
	vaddr uint64
	b     []byte
}

// writableData reads the segments that relocations may be about.
func (f *File) writableData() ([]data, error) {
	var all []data
	for _, p := range f.loads {
		if p.flags&elf.PF_W == 0 {
			continue
		}
		b, err := f.in.read(p.off, p.filesz)
		if err != nil {
			return nil, err
		}
		all = append(all, data{p.vaddr, b})
	}
	return all, nil
}

// wordAt is the 64-bit word at vaddr, 0 where there is none.
func wordAt(all []data, vaddr uint64) uint64 {
	for _, d := range all {
		if off := vaddr - d.vaddr; off < uint64(len(d.b)) && uint64(len(d.b))-off >= 8 {
			return le.Uint64(d.b[off:])
		}
	}
	return 0
}

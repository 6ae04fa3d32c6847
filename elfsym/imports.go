package elfsym

import (
	"debug/elf"
	"fmt"
)

// Import is the name of the symbol whose address the dynamic linker writes to the
// word at vaddr: a slot of the global offset table. "" is no name, when that word is
// none of these or the file's tables cannot be read.
func (f *File) Import(vaddr uint64) string {
	slots, err := f.slots.get(f.readSlots)
	if err != nil {
		return ""
	}
	i, ok := slots[vaddr]
	if !ok {
		return ""
	}
	t, err := f.dynsym()
	if err != nil || int(i) >= t.len() {
		return ""
	}
	return string(cstring(t.strs, uint64(t.at(int(i)).name)))
}

// readSlots maps each slot to the index of its symbol.
func (f *File) readSlots() (map[uint64]uint32, error) {
	d, err := f.dyn()
	if err != nil {
		return nil, err
	}
	slots := map[uint64]uint32{}
	for _, table := range []struct{ at, size uint64 }{{d.rela, d.relasz}, {d.jmprel, d.pltrelsz}} {
		if table.at == 0 {
			continue
		}
		b, err := f.contents(table.at, table.size)
		if err != nil {
			return nil, fmt.Errorf("relocations at %#x: %w", table.at, err)
		}
		for ; len(b) >= relaSize; b = b[relaSize:] {
			info := le.Uint64(b[8:])
			switch elf.R_X86_64(uint32(info)) {
			case elf.R_X86_64_JMP_SLOT, elf.R_X86_64_GLOB_DAT, elf.R_X86_64_64:
				slots[le.Uint64(b)] = uint32(info >> 32)
			}
		}
	}
	return slots, nil
}

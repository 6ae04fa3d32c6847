package elfsym

import "debug/elf"

// Text is the file's executable contents, as ranges of virtual addresses.
func (f *File) Text() []Func {
	var out []Func
	for _, p := range f.loads {
		if p.flags&elf.PF_X != 0 && p.filesz > 0 {
			out = append(out, Func{p.vaddr, p.vaddr + p.filesz})
		}
	}
	return out
}

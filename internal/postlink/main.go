// Command postlink finishes the agent after the linker: it takes Go's start, and
// the relocations of Go's data, away from the dynamic linker.
//
// Protocol. `go build` makes a shared object with some 13 000 R_X86_64_RELATIVE
// entries, nearly all of them in Go's read-only data. ld.so would apply them in
// every process that loads the agent, which costs 0.2 ms and 320 KiB of private
// memory there, for a Go that never runs in that process. postlink sorts .rela.dyn
// so that these come first, moves DT_RELA behind them, and notes where they are in
// the section .bpftime_deferred (preload/deferred.c), whose reader applies them in
// the compiler's own process before it starts Go. Go's start is the last entry of
// .init_array: the array ends one earlier, and the address goes into the note. What
// Go has reserved and never uses here (cutScratch) goes out of the segment.
//
// Entries of sections that the resident C code or the C library's start-up files
// may own (.data, .init_array, .got …) stay. The finished file takes the place of
// the other whole and only after everything was checked, so processes that have the
// other one mapped keep it; a file without the section, one that was finished
// before, or one whose dynamic section tells otherwise than its section headers, is
// refused. An agent that was not finished works as well.
package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("postlink: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: postlink libbpftime-agent.so")
	}
	deferred, kept, err := finish(os.Args[1])
	if err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	fmt.Printf("relocations: %d for the dynamic linker, %d deferred to the compiler\n", kept, deferred)
}

const (
	relaSize = 24
	section  = ".bpftime_deferred"
)

// ours are the sections that only Go's code looks at.
func ours(name string) bool {
	return name == ".data.rel.ro" || name == ".noptrdata" || strings.HasPrefix(name, ".go.")
}

func finish(path string) (deferred, kept int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	if deferred, kept, err = rewrite(b); err != nil {
		return 0, 0, err
	}
	return deferred, kept, replace(path, b)
}

// replace puts a file of these contents in the place of the one at path.
func replace(path string, b []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// image is the file's contents with its headers.
type image struct {
	*elf.File
	b                          []byte
	rela, note, array, dynamic *elf.Section
}

// rewrite changes b; after an error b is of no use.
func rewrite(b []byte) (deferred, kept int, err error) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return 0, 0, fmt.Errorf("not an ELF file, or a damaged one: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Type != elf.ET_DYN || f.Machine != elf.EM_X86_64 {
		return 0, 0, fmt.Errorf("%v, %v, %v: not a shared object for x86-64", f.Class, f.Machine, f.Type)
	}
	im := &image{File: f, b: b}
	if err := im.sections(); err != nil {
		return 0, 0, err
	}
	return im.postpone()
}

func (im *image) sections() error {
	for name, s := range map[string]**elf.Section{".rela.dyn": &im.rela, section: &im.note, ".init_array": &im.array, ".dynamic": &im.dynamic} {
		*s = im.Section(name)
	}
	switch {
	case im.rela == nil || im.note == nil || im.array == nil || im.dynamic == nil:
		return errors.New("no .rela.dyn, .init_array, .dynamic, or no " + section + ": is this the agent?")
	case im.note.Size != 24:
		return fmt.Errorf("%s has %d bytes, 24 are expected: is this the agent?", section, im.note.Size)
	}
	for _, s := range []*elf.Section{im.rela, im.note, im.array, im.dynamic} {
		if im.contents(s) == nil {
			return fmt.Errorf("%s does not lie in the file: it is cut, or no agent", s.Name)
		}
	}
	if binary.LittleEndian.Uint64(im.contents(im.note)[16:]) != 0 {
		return errors.New("it is finished already")
	}
	return nil
}

// contents is a section as it lies in the file, nil when it does not.
func (im *image) contents(s *elf.Section) []byte {
	size := uint64(len(im.b))
	if s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > size || s.Size > size-s.Offset {
		return nil
	}
	return im.b[s.Offset:][:s.Size:s.Size]
}

// postpone rewrites table, dynamic section, section header and note.
func (im *image) postpone() (deferred, kept int, err error) {
	table := im.contents(im.rela)
	start, err := im.goStart(table)
	if err != nil {
		return 0, 0, err
	}
	relative, err := countRelative(table)
	if err != nil {
		return 0, 0, err
	}
	first := im.sortOurs(table)
	if err := im.move(relative, uint64(first)); err != nil {
		return 0, 0, err
	}
	le, note := binary.LittleEndian, im.contents(im.note)
	le.PutUint64(note, im.rela.Addr)
	le.PutUint64(note[8:], uint64(first))
	le.PutUint64(note[16:], start)
	im.cutScratch()
	return first, len(table)/relaSize - first, im.header(first)
}

// scratchSize is that of crypto/internal/fips140/drbg.memory.
const scratchSize = 32 << 20

// cutScratch takes the scratch memory of Go's FIPS mode, which is off, out of the
// segment it ends, so that no process has it in its address space: cilium/ebpf hashes
// instructions, so it is linked in. The Go linker sorts what has no pointers by size,
// which makes it the end of .noptrbss; a test looks.
func (im *image) cutScratch() {
	s := im.Section(".noptrbss")
	if s == nil || s.Size < scratchSize {
		return
	}
	le := binary.LittleEndian
	phoff, size := le.Uint64(im.b[32:]), uint64(le.Uint16(im.b[54:]))
	for i, p := range im.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr+p.Memsz == s.Addr+s.Size && p.Filesz <= p.Memsz-scratchSize {
			le.PutUint64(im.b[phoff+uint64(i)*size+40:], p.Memsz-scratchSize)
		}
	}
}

func isRelative(entry []byte) bool {
	return binary.LittleEndian.Uint64(entry[8:]) == uint64(elf.R_X86_64_RELATIVE)
}

// countRelative is DT_RELACOUNT: the relative entries, which come first.
func countRelative(table []byte) (n uint64, err error) {
	if len(table)%relaSize != 0 {
		return 0, fmt.Errorf(".rela.dyn has %d bytes, not a multiple of %d", len(table), relaSize)
	}
	for i := 0; i < len(table); i += relaSize {
		if !isRelative(table[i:]) {
			continue
		}
		if n++; int(n)*relaSize != i+relaSize {
			return 0, errors.New("relative relocations are not first in .rela.dyn: link it with -z combreloc")
		}
	}
	return n, nil
}

// sortOurs moves the entries that can wait to the front, keeping the order
// otherwise, and returns how many they are.
func (im *image) sortOurs(table []byte) (n int) {
	entries := make([][relaSize]byte, len(table)/relaSize)
	for i := range entries {
		entries[i] = [relaSize]byte(table[i*relaSize:])
	}
	waits := func(e [relaSize]byte) bool {
		return isRelative(e[:]) && ours(im.sectionAt(binary.LittleEndian.Uint64(e[:])))
	}
	sort.SliceStable(entries, func(i, j int) bool { return waits(entries[i]) && !waits(entries[j]) })
	for i, e := range entries {
		copy(table[i*relaSize:], e[:])
		if waits(e) {
			n++
		}
	}
	return n
}

func (im *image) sectionAt(addr uint64) string {
	for _, s := range im.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_TLS == 0 && addr-s.Addr < s.Size {
			return s.Name
		}
	}
	return ""
}

// goStart is the function in the last slot of .init_array, which must be Go's: a
// `jmp rel32` into the runtime. Its address is in the slot's relocation, or in the
// slot itself when the linker packs relative relocations.
func (im *image) goStart(table []byte) (uint64, error) {
	le, size := binary.LittleEndian, im.array.Size
	if size < 16 || size%8 != 0 {
		return 0, fmt.Errorf(".init_array has %d bytes: no constructor beside Go's start", size)
	}
	var start uint64
	if im.Section(".relr.dyn") != nil {
		start = le.Uint64(im.contents(im.array)[size-8:])
	}
	for ; len(table) >= relaSize; table = table[relaSize:] {
		if isRelative(table) && le.Uint64(table) == im.array.Addr+size-8 {
			start = le.Uint64(table[16:])
		}
	}
	for _, s := range im.Sections {
		code := im.contents(s)
		if s.Flags&elf.SHF_EXECINSTR != 0 && start-s.Addr < uint64(len(code)) && code[start-s.Addr] == 0xe9 {
			return start, nil
		}
	}
	return 0, errors.New("the last entry of .init_array is not Go's start, a jmp")
}

// move makes DT_RELA begin behind the first n entries, and ends the array of
// constructors before Go's.
func (im *image) move(relative, n uint64) error {
	type entry struct {
		old  uint64
		by   int64
		seen bool
	}
	entries := map[elf.DynTag]*entry{
		elf.DT_RELA:         {old: im.rela.Addr, by: int64(n) * relaSize},
		elf.DT_RELASZ:       {old: im.rela.Size, by: -int64(n) * relaSize},
		elf.DT_RELACOUNT:    {old: relative, by: -int64(n)},
		elf.DT_INIT_ARRAY:   {old: im.array.Addr},
		elf.DT_INIT_ARRAYSZ: {old: im.array.Size, by: -8},
	}
	le := binary.LittleEndian
	for b := im.contents(im.dynamic); len(b) >= 16 && le.Uint64(b) != uint64(elf.DT_NULL); b = b[16:] {
		tag, v := elf.DynTag(le.Uint64(b)), le.Uint64(b[8:])
		e := entries[tag]
		switch {
		case e == nil:
			continue
		case e.seen:
			return fmt.Errorf("%v is there twice", tag)
		case v != e.old:
			return fmt.Errorf("%v is %#x, by the section headers %#x", tag, v, e.old)
		}
		e.seen = true
		le.PutUint64(b[8:], v+uint64(e.by))
	}
	for _, tag := range []elf.DynTag{elf.DT_RELA, elf.DT_RELASZ, elf.DT_RELACOUNT, elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ} {
		if !entries[tag].seen {
			return fmt.Errorf("%v is missing", tag)
		}
	}
	return nil
}

// header makes the section header tell the same, for readelf.
func (im *image) header(n int) error {
	le := binary.LittleEndian
	shoff, size := le.Uint64(im.b[40:]), uint64(le.Uint16(im.b[58:]))
	for i := range im.Sections {
		if h := im.b[shoff+uint64(i)*size:]; im.Sections[i] == im.rela {
			le.PutUint64(h[16:], im.rela.Addr+uint64(n*relaSize))
			le.PutUint64(h[24:], im.rela.Offset+uint64(n*relaSize))
			le.PutUint64(h[32:], im.rela.Size-uint64(n*relaSize))
			return nil
		}
	}
	return errors.New("no section header for " + im.rela.Name)
}

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
// .init_array: the array ends one earlier, and the address goes into the note.
//
// Entries of sections that the resident C code or the C library's start-up files
// may own (.data, .init_array, .got …) stay. The file is changed in place and only
// after everything was checked; a file without the section, or one that was
// finished before, is refused. An agent that was not finished works as well.
package main

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
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
	f, err := elf.NewFile(strings.NewReader(string(b)))
	if err != nil {
		return 0, 0, err
	}
	im := &image{File: f, b: b}
	if deferred, kept, err = im.postpone(); err != nil {
		return 0, 0, err
	}
	return deferred, kept, os.WriteFile(path, b, 0o755)
}

// image is the file's contents with its headers.
type image struct {
	*elf.File
	b []byte
}

func (im *image) sections() (rela, note *elf.Section, err error) {
	rela, note = im.Section(".rela.dyn"), im.Section(section)
	if rela == nil || note == nil || note.Size != 24 {
		return nil, nil, errors.New("no .rela.dyn, or no " + section + ": is this the agent?")
	}
	if binary.LittleEndian.Uint64(im.b[note.Offset+16:]) != 0 {
		return nil, nil, errors.New("it is finished already")
	}
	return rela, note, nil
}

// postpone rewrites table, dynamic section, section header and note.
func (im *image) postpone() (deferred, kept int, err error) {
	rela, note, err := im.sections()
	if err != nil {
		return 0, 0, err
	}
	table := im.b[rela.Offset : rela.Offset+rela.Size]
	first := im.sortOurs(table)
	start, err := im.goStart(table)
	if err != nil {
		return 0, 0, err
	}
	if err := im.dynamic(rela, first); err != nil {
		return 0, 0, err
	}
	le := binary.LittleEndian
	le.PutUint64(im.b[note.Offset:], rela.Addr)
	le.PutUint64(im.b[note.Offset+8:], uint64(first))
	le.PutUint64(im.b[note.Offset+16:], start)
	return first, len(table)/relaSize - first, im.header(rela, first)
}

// sortOurs moves the entries that can wait to the front, keeping the order
// otherwise, and returns how many they are.
func (im *image) sortOurs(table []byte) (n int) {
	entries := make([][relaSize]byte, len(table)/relaSize)
	for i := range entries {
		entries[i] = [relaSize]byte(table[i*relaSize:])
	}
	waits := func(e [relaSize]byte) bool {
		at, info := binary.LittleEndian.Uint64(e[:]), binary.LittleEndian.Uint64(e[8:])
		return info == uint64(elf.R_X86_64_RELATIVE) && ours(im.sectionAt(at))
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
// `jmp rel32` into the runtime.
func (im *image) goStart(table []byte) (uint64, error) {
	array := im.Section(".init_array")
	if array == nil || array.Size < 16 {
		return 0, errors.New("no .init_array with Go's start in it")
	}
	for ; len(table) > 0; table = table[relaSize:] {
		if binary.LittleEndian.Uint64(table) != array.Addr+array.Size-8 {
			continue
		}
		start := binary.LittleEndian.Uint64(table[16:])
		for _, s := range im.Sections {
			if s.Flags&elf.SHF_EXECINSTR != 0 && start-s.Addr < s.Size && im.b[s.Offset+start-s.Addr] == 0xe9 {
				return start, nil
			}
		}
	}
	return 0, errors.New("the last entry of .init_array is not Go's start")
}

// dynamic moves DT_RELA behind the first n entries, and ends the array of
// constructors before Go's.
func (im *image) dynamic(rela *elf.Section, n int) error {
	dyn := im.Section(".dynamic")
	if dyn == nil {
		return errors.New("no .dynamic")
	}
	by := uint64(n * relaSize)
	change := map[elf.DynTag]func(uint64) uint64{
		elf.DT_RELA:      func(v uint64) uint64 { return v + by },
		elf.DT_RELASZ:    func(v uint64) uint64 { return v - by },
		elf.DT_RELACOUNT: func(v uint64) uint64 { return v - uint64(n) },

		elf.DT_INIT_ARRAYSZ: func(v uint64) uint64 { return v - 8 },
	}
	for at := dyn.Offset; at+16 <= dyn.Offset+dyn.Size; at += 16 {
		tag := elf.DynTag(binary.LittleEndian.Uint64(im.b[at:]))
		if f := change[tag]; f != nil {
			binary.LittleEndian.PutUint64(im.b[at+8:], f(binary.LittleEndian.Uint64(im.b[at+8:])))
			delete(change, tag)
		}
	}
	if len(change) > 0 {
		return fmt.Errorf("%s: DT_RELA, DT_RELASZ, DT_RELACOUNT or DT_INIT_ARRAYSZ is missing", rela.Name)
	}
	return nil
}

// header makes the section header tell the same, for readelf.
func (im *image) header(rela *elf.Section, n int) error {
	le := binary.LittleEndian
	shoff, size := le.Uint64(im.b[40:]), uint64(le.Uint16(im.b[58:]))
	for i := range im.Sections {
		if h := im.b[shoff+uint64(i)*size:]; im.Sections[i] == rela {
			le.PutUint64(h[16:], rela.Addr+uint64(n*relaSize))
			le.PutUint64(h[24:], rela.Offset+uint64(n*relaSize))
			le.PutUint64(h[32:], rela.Size-uint64(n*relaSize))
			return nil
		}
	}
	return errors.New("no section header for " + rela.Name)
}

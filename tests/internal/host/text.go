package host

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// A Span is a run of text bytes that differ between a process and the file they came from.
type Span struct {
	File   string
	Offset uint64 // in the file
	Memory []byte
}

func (s Span) String() string { return fmt.Sprintf("%s+%#x: % x", s.File, s.Offset, s.Memory) }

// TextChanges compares the executable segments of every ELF file mapped in the process with the files, whatever the
// pages are now: an anonymous page put over a file's page is compared too.
func TextChanges(pid int) ([]Span, error) {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	files, err := mappedFiles(pid)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for _, f := range files {
		more, err := f.changes(mem)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		spans = append(spans, more...)
	}
	return spans, nil
}

// mappedFile is a file mapped from its offset 0: a module and its first address.
type mappedFile struct {
	path  string // as the process sees it
	open  string // where we can open it
	start uint64
}

func mappedFiles(pid int) ([]mappedFile, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var list []mappedFile
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[2] != "00000000" || !strings.HasPrefix(fields[5], "/") {
			continue
		}
		low, _, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(low, 16, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, mappedFile{fields[5], fmt.Sprintf("/proc/%d/map_files/%s", pid, fields[0]), start})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].start < list[j].start })
	return list, nil
}

func (m mappedFile) changes(mem *os.File) ([]Span, error) {
	path := m.open
	if _, err := os.Stat(path); err != nil {
		path = m.path // map_files is for root only
	}
	f, err := elf.Open(path)
	if err != nil {
		return nil, nil // locale data, fonts: not an ELF file
	}
	defer f.Close()
	bias, ok := m.bias(f)
	if !ok {
		return nil, nil
	}
	var spans []Span
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_X == 0 {
			continue
		}
		want, have := make([]byte, p.Filesz), make([]byte, p.Filesz)
		if _, err := p.ReadAt(want, 0); err != nil {
			return nil, err
		}
		if _, err := mem.ReadAt(have, int64(bias+p.Vaddr)); err != nil {
			return nil, err
		}
		spans = append(spans, differences(m.path, p.Off, want, have)...)
	}
	return spans, nil
}

// bias is what to add to a p_vaddr; a file that is only read, like a debugger's, has none.
func (m mappedFile) bias(f *elf.File) (uint64, bool) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			return m.start - (p.Vaddr - p.Off), p.Off < 0x1000
		}
	}
	return 0, false
}

func differences(path string, offset uint64, want, have []byte) []Span {
	var spans []Span
	for i := 0; i < len(want); i++ {
		if want[i] == have[i] {
			continue
		}
		end := i
		for end < len(want) && (want[end] != have[end] || !bytes.Equal(tail(want, end), tail(have, end))) {
			end++
		}
		spans = append(spans, Span{path, offset + uint64(i), have[i:end]})
		i = end
	}
	return spans
}

// tail returns the next few bytes: a patch may contain a byte that happens to be the same.
func tail(b []byte, i int) []byte { return b[i:min(i+5, len(b))] }

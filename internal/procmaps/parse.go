package procmaps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const (
	// maxLine bounds a line: 4095 bytes of path, of which each may be a newline
	// and stand there as four characters, after some 75 of numbers.
	maxLine = 32 << 10

	// maxMappings is sixteen times the kernel's default for vm.max_map_count.
	maxMappings = 1 << 20
)

// Read parses /proc/PID/maps; pid 0 is the calling process.
func Read(pid int) ([]Mapping, error) {
	name := "/proc/self/maps"
	if pid != 0 {
		name = fmt.Sprintf("/proc/%d/maps", pid)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ms, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ms, nil
}

// Parse reads the text of a maps file. An error names the line.
func Parse(r io.Reader) ([]Mapping, error) {
	var ms []Mapping
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	for s.Scan() {
		m, err := parseLine(s.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(ms)+1, err)
		}
		if len(ms) == maxMappings {
			return nil, fmt.Errorf("more than %d mappings", maxMappings)
		}
		ms = append(ms, m)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(ms)+1, err)
	}
	return ms, nil
}

// parseLine reads
//
//	LO-HI rwxp OFFSET MAJOR:MINOR INODE      PATH
//
// with all numbers but the inode in hexadecimal (proc_pid_maps(5)).
func parseLine(line string) (Mapping, error) {
	var m Mapping
	var f [5]string
	rest := line
	for i := range f {
		f[i], rest, _ = strings.Cut(rest, " ")
	}
	lo, hi, dash := strings.Cut(f[0], "-")
	major, minor, colon := strings.Cut(f[3], ":")
	if !dash || !colon || len(f[1]) != 4 {
		return m, fmt.Errorf("%q is not LO-HI PERMS OFFSET MAJOR:MINOR INODE PATH", line)
	}
	var err error
	number := func(s string, base, bits int) uint64 {
		n, e := strconv.ParseUint(s, base, bits)
		err = errors.Join(err, e)
		return n
	}
	m = Mapping{
		Lo: number(lo, 16, 64), Hi: number(hi, 16, 64), Offset: number(f[2], 16, 64),
		Read: f[1][0] == 'r', Write: f[1][1] == 'w', Exec: f[1][2] == 'x', Shared: f[1][3] == 's',
		Major: uint32(number(major, 16, 32)), Minor: uint32(number(minor, 16, 32)),
		Inode: number(f[4], 10, 64),
	}
	if err == nil && m.Lo >= m.Hi {
		err = fmt.Errorf("empty range %s", f[0])
	}
	m.setPath(strings.TrimLeft(rest, " "))
	return m, err
}

// setPath undoes what the kernel does to a path. It writes a newline as \012
// and nothing else specially (show_map_vma escapes "\n" only), so that a
// backslash or another octal escape is part of the file's name.
func (m *Mapping) setPath(s string) {
	if m.Inode != 0 {
		s, m.Deleted = strings.CutSuffix(s, " (deleted)")
	}
	m.Path = strings.ReplaceAll(s, `\012`, "\n")
}

package procmaps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `5625e549b000-5625e549d000 r--p 00000000 fe:00 247026                     /usr/bin/cat
5625e549d000-5625e54a2000 r-xp 00002000 fe:00 247026                     /usr/bin/cat
5626248c8000-5626248e9000 rw-p 00000000 00:00 0                          [heap]
7f49350a3000-7f49350c5000 rw-p 00000000 00:00 0 
7f493530b000-7f4935312000 r--s 00000000 103:02 18446744073709551615      /dir with  spaces/a\012b\040c\d (deleted)
7f4935400000-7f4935401000 rwxp 00000000 00:00 0                          [anon: x (deleted)]
7f4935319000-7f493531b000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestParseEveryForm(t *testing.T) {
	want := []Mapping{
		{Lo: 0x5625e549b000, Hi: 0x5625e549d000, Read: true, Major: 0xfe, Inode: 247026, Path: "/usr/bin/cat"},
		{Lo: 0x5625e549d000, Hi: 0x5625e54a2000, Offset: 0x2000, Read: true, Exec: true, Major: 0xfe, Inode: 247026, Path: "/usr/bin/cat"},
		{Lo: 0x5626248c8000, Hi: 0x5626248e9000, Read: true, Write: true, Path: "[heap]"},
		{Lo: 0x7f49350a3000, Hi: 0x7f49350c5000, Read: true, Write: true},
		{Lo: 0x7f493530b000, Hi: 0x7f4935312000, Read: true, Shared: true, Major: 0x103, Minor: 2, Inode: 1<<64 - 1,
			Path: "/dir with  spaces/a\nb\\040c\\d", Deleted: true},
		{Lo: 0x7f4935400000, Hi: 0x7f4935401000, Read: true, Write: true, Exec: true, Path: "[anon: x (deleted)]"},
		{Lo: 0x7f4935319000, Hi: 0x7f493531b000, Read: true, Exec: true, Path: "[vdso]"},
		{Lo: 0xffffffffff600000, Hi: 0xffffffffff601000, Exec: true, Path: "[vsyscall]"},
	}
	got, err := Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	good := "1000-2000 r--p 00000000 00:00 0 \n"
	for name, c := range map[string]struct{ line, want string }{
		"empty line":       {"", `line 2: "" is not LO-HI`},
		"no range":         {"1000 r--p 0 00:00 0", "is not LO-HI"},
		"short perms":      {"1000-2000 r-p 0 00:00 0", "is not LO-HI"},
		"no device":        {"1000-2000 r--p 0 00 0", "is not LO-HI"},
		"address too long": {"1000-10000000000000000 r--p 0 00:00 0", "value out of range"},
		"not hexadecimal":  {"1000-2g00 r--p 0 00:00 0", "invalid syntax"},
		"empty range":      {"2000-2000 r--p 0 00:00 0", "empty range 2000-2000"},
		"reversed":         {"2000-1000 r--p 0 00:00 0", "empty range"},
		"line too long":    {"1000-2000 r--p 0 00:00 0 /" + strings.Repeat("x", maxLine), "line 2: bufio.Scanner: token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(good + c.line + "\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestReadSelf maps a file whose name holds what the kernel escapes and what
// it does not, and finds it again.
func TestReadSelf(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a b\nc\\012 (deleted)")
	if err := os.WriteFile(name, make([]byte, 3*4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := syscall.Mmap(int(f.Fd()), 4096, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mem)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}

	ms, err := Read(0)
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		if m.Inode != st.Ino || m.Offset != 4096 || m.Len() != 8192 {
			continue
		}
		// A backslash in a name cannot be told from the kernel's own.
		want := strings.ReplaceAll(name, `\012`, "\n")
		if m.Path != want || !m.Deleted || !m.Shared || !m.Read || m.Write || m.Exec {
			t.Errorf("mapping %+v, want path %q, deleted, r--s", m, want)
		}
		return
	}
	t.Errorf("no mapping of inode %d among %d", st.Ino, len(ms))
}

func TestReadOther(t *testing.T) {
	ms, err := Read(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	program := func(m Mapping) bool { return m.Exec && m.Inode != 0 && strings.HasPrefix(m.Path, "/") }
	if !slices.ContainsFunc(ms, program) {
		t.Errorf("the parent has no program: %+v", ms)
	}
	if _, err := Read(1 << 30); !os.IsNotExist(err) {
		t.Errorf("a process that is not there: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("1000-2000 r--p 0 0:0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, m := range ms {
			if m.Lo >= m.Hi || strings.Contains(m.Path, `\012`) {
				t.Errorf("%+v", m)
			}
		}
		checkGap(t, ms, Near{0x400000, 0x500000}, 0x10000, 0x1000)
	})
}

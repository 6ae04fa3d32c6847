package object_test

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/object"
)

// objects are the names of the sources in testdata.
var objects = []string{"basics", "calls", "core", "externs", "maps", "refused", "usdt", "libbpf"}

// use does with an image whatever can be done, and says what stopped it.
func use(t testing.TB, image []byte) error {
	spec, err := object.Load("broken.o", image)
	if err != nil {
		return wellFormed(t, err)
	}
	o, err := object.Link(spec, object.Options{})
	if err != nil {
		return wellFormed(t, err)
	}
	_, _ = spec.MarshalBTF()
	var last error
	for _, p := range spec.Programs {
		_, _ = p.SEC.AttachSpec()
		if err := runChecked(t, o, p.Name); err != nil {
			last = err
		}
	}
	return last
}

// runChecked runs a program in the interpreter, which checks everything.
func runChecked(t testing.TB, o *object.Object, name string) error {
	p, err := o.Program(name)
	if err != nil {
		return wellFormed(t, err)
	}
	if len(p.Origin) != p.Prog.Len() || len(p.Funcs) != len(p.Prog.Functions()) {
		t.Errorf("%s: %d origins of %d instructions, %d names of %d functions",
			name, len(p.Origin), p.Prog.Len(), len(p.Funcs), len(p.Prog.Functions()))
	}
	values := make([]uint64, len(o.Maps))
	for i := range values {
		values[i] = uint64(i+1) << 24
	}
	v, err := p.Verify(object.ContextOf("uprobe", false))
	if err != nil {
		return wellFormed(t, err)
	}
	m, err := interp.New(v.Program(), interp.Options{Maps: values, MapValues: values, Budget: 1000})
	if err == nil {
		_, err = m.Run(make([]byte, sizeOfContext))
	}
	return err
}

// wellFormed wants an error that a person can do something with.
func wellFormed(t testing.TB, err error) error {
	t.Helper()
	var e *object.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "broken.o: ") || e.Reason == "" {
		t.Errorf("error without a place: %v", err)
	}
	return err
}

// A file that was cut anywhere is refused: its last table is the symbols' or
// the sections'.
func TestTruncated(t *testing.T) {
	for _, name := range objects {
		whole := image(t, name)
		if err := use(t, whole[:len(whole)-1]); err == nil && name == "basics" {
			t.Errorf("%s without its last byte is accepted", name)
		}
		step := 1
		if !testing.Verbose() && os.Getenv("BPFTIME_TORTURE") == "" {
			step = 97
		}
		for n := 0; n < len(whole); n += step {
			_ = use(t, whole[:n])
		}
	}
}

// Every byte, with values that make sizes and offsets wrong: nothing panics and
// every refusal is well-formed.
func TestDamaged(t *testing.T) {
	step := 41
	if os.Getenv("BPFTIME_TORTURE") != "" {
		step = 1
	}
	for _, name := range objects {
		whole := image(t, name)
		refused := 0
		for at := 0; at < len(whole); at += step {
			before := whole[at]
			for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff, before + 1, before ^ 0x10} {
				whole[at] = v
				if use(t, whole) != nil {
					refused++
				}
			}
			whole[at] = before
		}
		if refused == 0 {
			t.Errorf("%s: no damage was noticed", name)
		}
	}
}

// damage changes one field of a section's header.
func damage(t *testing.T, image []byte, section string, change func(s *elf.Section64)) []byte {
	t.Helper()
	const size = 64
	f, err := elf.NewFile(strings.NewReader(string(image)))
	if err != nil {
		t.Fatal(err)
	}
	at := int(binary.LittleEndian.Uint64(image[0x28:]))
	for i, s := range f.Sections {
		if s.Name != section {
			continue
		}
		raw := image[at+size*i:][:size]
		var header elf.Section64
		if _, err := binary.Decode(raw, binary.LittleEndian, &header); err != nil {
			t.Fatal(err)
		}
		change(&header)
		if _, err := binary.Encode(raw, binary.LittleEndian, &header); err != nil {
			t.Fatal(err)
		}
		return image
	}
	t.Fatalf("no section %s", section)
	return nil
}

func TestHostileSections(t *testing.T) {
	for _, c := range []struct {
		name, section string
		change        func(s *elf.Section64)
		want          string
	}{
		{"huge .bss", ".bss", func(s *elf.Section64) { s.Size = 1 << 40 },
			`section ".bss": all data sections together take more than 64 MiB`},
		{"code beyond the end", "uprobe/libc:malloc", func(s *elf.Section64) { s.Size = 1 << 40 },
			`section "uprobe/libc:malloc": 1099511627776 bytes at 64 are not in the file, which has `},
		{"code at the end of memory", "uprobe/libc:malloc", func(s *elf.Section64) { s.Off = 1<<64 - 8 },
			`no ELF file: invalid section offset`},
		{"compressed data", ".data", func(s *elf.Section64) { s.Flags |= uint64(elf.SHF_COMPRESSED) },
			`no ELF file:`},
		{"code of half a slot", "uprobe/libc:malloc", func(s *elf.Section64) { s.Size -= 4 },
			`section "uprobe/libc:malloc": function on_entry: `},
		{"relocations of odd size", ".reluprobe/libc:malloc", func(s *elf.Section64) { s.Entsize = 8 },
			`section ".reluprobe/libc:malloc": `},
		{"relocations cut", ".reluprobe/libc:malloc", func(s *elf.Section64) { s.Size-- },
			`section ".reluprobe/libc:malloc": `},
		{"BTF that is text", ".BTF", func(s *elf.Section64) { s.Off += 16 }, `BTF: `},
		{"maps without BTF", ".BTF", func(s *elf.Section64) { s.Name++ },
			`section ".maps": there is no BTF, which defines the maps; compile with -g`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := object.Load("x.o", damage(t, image(t, "basics"), c.section, c.change))
			if err == nil || !strings.HasPrefix(err.Error(), "x.o: "+c.want) {
				t.Errorf("\n got %v\nwant x.o: %s", err, c.want)
			}
		})
	}
}

func TestNoObjects(t *testing.T) {
	dir := t.TempDir()
	native, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bigEndian := image(t, "calls")
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "missing.o"), "no such file or directory"},
		{dir, "not a file"},
		{write("empty.o", nil), "no ELF file: "},
		{write("text.o", []byte("int main() { return 0; }")), "no ELF file: "},
		{write("native.o", native[:1<<20]), ""},
		{write("large.o", make([]byte, object.MaxSize+1)), "larger than 16 MiB; strip its debug sections: llvm-strip -g"},
		{write("executable.o", set(bigEndian, 0x10, 2)), "an ELF file of type ET_EXEC, wanted ET_REL; give the .o file that clang -c makes"},
		{write("x86.o", set(image(t, "calls"), 0x12, 62)), "machine code for EM_X86_64; compile it with clang -target bpf -g -O2 -c"},
	} {
		_, err := object.LoadFile(c.path)
		if err == nil || !strings.HasPrefix(err.Error(), c.path+": "+c.want) {
			t.Errorf("\n got %v\nwant %s: %s", err, c.path, c.want)
		}
	}
}

func set(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}

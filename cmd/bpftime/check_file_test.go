package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFails: files that cannot be checked are called what they are, and names that
// are not there are told.
func TestCheckFails(t *testing.T) {
	u := newUser(t)
	library := victim(t, "functions.so", "functions.S", "-shared", "-nostdlib")
	elf, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	u.directory(filepath.Join(u.dir, "here"), 0o755)
	object, err := filepath.Abs("testdata/tour.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ binary, match, want string }{
		{"./nope", "", "stat ./nope: no such file or directory"},
		{"nope", "", "nope: no such file, no program in PATH, and no library in /lib/x86_64-linux-gnu, "},
		{library, "nothing*", `BIN/functions.so: pattern "nothing*": no such symbol`},
		{"./here", "", "./here: a directory; name the programs and libraries in it"},
		{u.write("empty", ""), "", "DIR/empty: the file is empty"},
		{u.write("text", "text"), "", "DIR/text: not a usable ELF file: no ELF header"},
		{u.write("script", "#! /bin/sh  -e\nexit\n"), "", "DIR/script: a script of /bin/sh -e; check the program that it starts, or its interpreter"},
		{u.write("a.a", "!<arch>\n"), "", "DIR/a.a: an archive of object files; check the program that they are linked into"},
		{u.write("libc.so", "/* GNU ld script\n*/"), "", "DIR/libc.so: a script for the linker; check the library that it names"},
		{u.write("short.so", string(elf[:100])), "", "DIR/short.so: program headers: not a usable ELF file: "},
		{u.write("cut.so", string(elf[:0x1010])), "", "DIR/cut.so: program header 1: not a usable ELF file: its contents are 0x1000+"},
		{u.compile("old.o", "int f;", "-c", "-m32"), "", "DIR/old.o: 32-bit code; only 64-bit x86-64 programs can be traced"},
		{u.write("arm.so", changed(elf, 18, 183)), "", "DIR/arm.so: code for AARCH64; only x86-64 programs can be traced"},
		{u.write("core", changed(elf, 16, 4)), "", "DIR/core: a core dump; check the program that it was written by"},
		{debugOnly(u), "", "DIR/debug: it holds no code: perhaps only the debug symbols of another file; check that one"},
		{u.compile("object.o", "int f;", "-c"), "", "DIR/object.o: an object file that is not linked; check the program or library that it becomes part of"},
		{u.compile("module.ko", `char f[] __attribute__((section(".modinfo"))) = "license=GPL";`, "-c"), "", "DIR/module.ko: a kernel module; the kernel's own eBPF traces it"},
		{object, "", object + ": an object with eBPF programs, which are attached to others; see bpftime prog verify"},
	} {
		args := []string{"check", c.binary}
		if c.match != "" {
			args = append(args, "--match", c.match)
		}
		if r := u.run(args...); r.code != 1 || r.stdout != "" || !strings.HasPrefix(u.normal(r.stderr), "bpftime: "+c.want) {
			t.Errorf("%s: exit code %d, standard output %q, error %s", c.binary, r.code, r.stdout, u.normal(r.stderr))
		}
	}
}

// changed is an ELF file with another 16-bit number at an offset of its header.
func changed(file []byte, at int, to uint16) string {
	b := []byte(string(file))
	binary.LittleEndian.PutUint16(b[at:], to)
	return string(b)
}

// compile makes a file of C.
func (u *user) compile(name, source string, flags ...string) string {
	u.t.Helper()
	out := filepath.Join(u.dir, name)
	c := u.write(name+".c", source)
	if said, err := exec.Command("gcc", append(flags, "-o", out, c)...).CombinedOutput(); err != nil {
		u.t.Fatalf("gcc: %v\n%s", err, said)
	}
	return out
}

func debugOnly(u *user) string {
	u.t.Helper()
	program := u.compile("debug", "int main(void) { return 0; }", "-g")
	if said, err := exec.Command("objcopy", "--only-keep-debug", program).CombinedOutput(); err != nil {
		u.t.Fatalf("objcopy: %v\n%s", err, said)
	}
	return program
}

// TestCheckFinds: what a name stands for.
func TestCheckFinds(t *testing.T) {
	u := newUser(t)
	u.directory(filepath.Join(u.dir, "first"), 0o755)
	u.directory(filepath.Join(u.dir, "second"), 0o755)
	wrapper := u.write("first/tool", "#!/usr/bin/env bash\n")
	u.write("libc", "a file of that name")
	program := u.compile("second/tool", "int main(void) { return 0; }", "-static", "-s")
	if err := os.Chmod(wrapper, 0o755); err != nil {
		t.Fatal(err)
	}
	u.env = []string{"PATH=" + u.dir + "/first:" + u.dir + "/second"}
	want := "bpftime: DIR/first/tool: a script of /usr/bin/env bash; check the program that it starts, or its interpreter; DIR/second/tool is one\n"
	if r := u.run("check", "tool"); r.code != 1 || u.normal(r.stderr) != want {
		t.Errorf("exit code %d: %s", r.code, u.normal(r.stderr))
	}
	// A static program without symbols is known by its unwind data.
	if r := u.must("check", program); !strings.HasPrefix(u.normal(r.stdout), "DIR/second/tool\nPROBE ") || !strings.Contains(r.stdout, "\nentry           ") {
		t.Error(r.stdout)
	}
	if r := u.must("check", "libc", "--match", "malloc"); !strings.Contains(r.stdout, "\n/lib/x86_64-linux-gnu/libc.so.6\n") {
		t.Error(r.stdout)
	}
}

// TestCheckMany: what cannot be checked does not hide the rest.
func TestCheckMany(t *testing.T) {
	u := newUser(t)
	library := victim(t, "functions.so", "functions.S", "-shared", "-nostdlib")
	text := u.write("text", "text")
	r := u.run("check", library, text, "nope", library)
	if r.code != 1 || strings.Count(r.stdout, "functions.so\nPROBE") != 2 || strings.Count(r.stderr, "bpftime: ") != 2 {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = u.run("check", "--json", text, library)
	if r.code != 1 || strings.Count(r.stdout, `"path":`) != 1 || strings.Count(r.stderr, "bpftime: ") != 1 {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

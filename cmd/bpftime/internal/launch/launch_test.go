package launch_test

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/launch"
)

func write(t *testing.T, path string, b []byte, mode os.FileMode) string {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, b, mode)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFind: the order and the errors are those of execvp(3).
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, p := range []string{"a/x", "b/x", "b/y", "here"} {
		write(t, p, nil, 0o755)
	}
	write(t, "a/y", nil, 0o644)
	write(t, "a/z", nil, 0o644)
	if err := os.Mkdir("a/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       string // or the error
		code       int
	}{
		{"x", "a:b", "a/x", 0},
		{"x", "b:a", "b/x", 0},
		{"x", "nope:here:b", "b/x", 0}, // here is a file
		{"y", "a:b", "b/y", 0},         // a/y may not be executed
		{"here", ":a", "./here", 0},
		{"here", "a:", "./here", 0},
		{"./here", "a", "./here", 0},
		{"a/x", "b", "a/x", 0},
		{"sh", "", "/bin/sh", 0},
		{"z", "a:b", "a/z: permission denied: it is not executable (chmod +x)", 126},
		{"dir", "a", "a/dir: is a directory", 126},
		{"w", "a:b", "w: not found in PATH (a:b)", 127},
		{"./w", "a:b", "./w: no such file", 127},
		{"here/w", "a:b", "here/w: no such file", 127},
		{"", "a", "the program's name is empty", 127},
	} {
		got, err := launch.Find(c.name, c.path)
		var e *launch.Error
		switch {
		case c.code == 0 && (err != nil || got != c.want):
			t.Errorf("%q in %q: %q, %v; want %q", c.name, c.path, got, err, c.want)
		case c.code != 0 && (!errors.As(err, &e) || e.Code != c.code || err.Error() != c.want):
			t.Errorf("%q in %q: %q, %v; want %s, code %d", c.name, c.path, got, err, c.want, c.code)
		}
	}
}

// TestObstacle: programs that LD_PRELOAD reaches, and those it does not, by themselves or
// by the interpreter of a script.
func TestObstacle(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	sh, err := exec.LookPath("sh")
	if err == nil {
		sh, err = filepath.EvalSymlinks(sh)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(sh)
	if err != nil {
		t.Fatal(err)
	}
	program := write(t, at("program"), b, 0o755)
	arm := append([]byte(nil), b...)
	binary.LittleEndian.PutUint16(arm[18:], 183)
	write(t, at("arm"), arm, 0o755)
	static := compile(t, at("static"), "-static")
	pie := compile(t, at("pie"), "-static-pie")
	const linked = " is statically linked: no dynamic linker runs that would load the agent; programs it starts are traced if they are dynamic"
	for file, want := range map[string]string{
		program:     "",
		sh:          "",
		"/bin/true": "",
		compile(t, at("library.so"), "-shared", "-Wl,-soname,library.so"): "", // as ld.so is
		static:    static + linked,
		pie:       pie + linked,
		at("arm"): at("arm") + " is a ELFCLASS64 program for EM_AARCH64: the agent is 64-bit x86-64 and is not loaded there",
		write(t, at("script"), []byte("#!"+program+" -x\ntrue\n"), 0o755):         "",
		write(t, at("blank"), []byte("#!  "+static+"\t-x\ntrue\n"), 0o755):        static + linked,
		write(t, at("twice"), []byte("#!"+at("blank")+"\n"), 0o755):               static + linked,
		write(t, at("circle"), []byte("#!"+at("circle")+"\n"), 0o755):             "",
		write(t, at("text"), []byte("true\n"), 0o755):                             "",
		write(t, at("empty"), nil, 0o755):                                         "",
		write(t, at("nothing"), []byte("#!\n"), 0o755):                            "",
		write(t, at("long"), []byte("#!"+strings.Repeat("/x", 1000)+"\n"), 0o755): "",
		write(t, at("elf"), []byte("\x7fELF"), 0o755):                             "",
		at("nowhere"): "",
	} {
		if got := launch.Obstacle(file); got != want {
			t.Errorf("%s: %s\nwant %s", file, got, want)
		}
	}
}

func compile(t *testing.T, out string, flags ...string) string {
	t.Helper()
	args := append([]string{"-x", "c", "-o", out, "-"}, flags...)
	cmd := exec.Command("gcc", args...)
	cmd.Stdin = strings.NewReader("int main(void) { return 0; }\n")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, said)
	}
	return out
}

// TestObstaclePrivileged: a program that gains privileges trusts no environment. Root
// makes one that belongs to another; a user finds one of root's.
func TestObstaclePrivileged(t *testing.T) {
	const help = ": the dynamic linker ignores LD_PRELOAD there; run it as its owner, so that it gains nothing"
	if os.Getuid() != 0 {
		for _, name := range []string{"/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/sudo"} {
			if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeSetuid != 0 {
				if got := launch.Obstacle(name); got != name+" is set-user-ID (user 0)"+help {
					t.Error(got)
				}
				return
			}
		}
		t.Fatal("there is no program of root's with the set-user-ID bit")
	}
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid, gid int
		mode     os.FileMode
		want     string
	}{
		{12345, 0, 0o755 | os.ModeSetuid, " is set-user-ID (user 12345)" + help},
		{0, 12345, 0o755 | os.ModeSetgid, " is set-group-ID (group 12345)" + help},
		{0, 12345, 0o644 | os.ModeSetgid, ""}, // a mandatory lock of old
		{0, 0, 0o755 | os.ModeSetuid | os.ModeSetgid, ""},
		{12345, 12345, 0o755, ""},
	} {
		path := filepath.Join(t.TempDir(), "program")
		write(t, path, b, 0o755)
		err := os.Chown(path, c.uid, c.gid)
		if err == nil {
			err = os.Chmod(path, c.mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want != "" {
			want = path + want
		}
		if got := launch.Obstacle(path); got != want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

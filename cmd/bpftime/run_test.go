package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/session"
)

// TestRun: the program keeps its output, the report says what was counted, and nothing
// is left.
func TestRun(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	r := u.must("run", "funccount", "uprobe/libc:getppid", "uretprobe/libc:a64l", "uprobe//proc/self/exe:nothing", "uprobe/libnot:x", "--", "calls")
	u.golden("run.txt", r.stderr)
	if r.stdout != "out\n" {
		t.Errorf("standard output %q", r.stdout)
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestRunJSON: one object a line, also to a file of its own.
func TestRunJSON(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	r := u.run("run", "--json", "--output", "report.json", "funccount", "uretprobe/libc:a64l", "uprobe//proc/self/exe:nothing", "--", "calls", "3")
	if r.code != 3 || r.stdout != "out\n" || r.stderr != "err\n" {
		t.Errorf("exit code %d, standard output %q, error %q", r.code, r.stdout, r.stderr)
	}
	b, err := os.ReadFile(filepath.Join(u.dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	u.golden("run.json", string(b))
	for line := range bytes.Lines(b) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// TestRunManifests: several manifests, in YAML, with paths relative to them; a pattern
// for the process is heeded.
func TestRunManifests(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	if err := os.Mkdir(filepath.Join(u.dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	u.write("sub/one.yaml", "process: {exe: calls}\nobjects:\n  - gadget: funccount\n    args: [uprobe/libc:getppid]\n")
	u.write("two.yaml", "objects: [{gadget: funccount, args: ['uretprobe/libc:a64l']}]\n")
	r := u.must("run", "-m", "sub/one.yaml", "-m", "two.yaml", "sh", "-c", "calls && exec calls")
	for _, want := range []string{"    14       0      2  jump", "    10       0      2  return-a  funccount-2 uretprobe/libc:a64l\n"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q in\n%s", want, r.stderr)
		}
	}
	if r.stdout != "out\nout\n" {
		t.Errorf("standard output %q", r.stdout)
	}
}

// TestRunSession: a session that was named stays and is used again, whoever named it.
func TestRunSession(t *testing.T) {
	victim(t, "calls", "calls.c")
	gadget := []string{"funccount", "uprobe/libc:getppid", "--", "calls"}
	for name, run := range map[string]func(u *user) result{
		"flag": func(u *user) result { return u.must(append([]string{"run", "-s", "web"}, gadget...)...) },
		"environment": func(u *user) result {
			u.env = []string{"BPFTIME_SESSION=web"}
			return u.must(append([]string{"run"}, gadget...)...)
		},
		"manifest": func(u *user) result {
			u.write("m.yaml", "session: web\nobjects: [{gadget: funccount, args: ['uprobe/libc:getppid']}]\n")
			return u.must("run", "-m", "m.yaml", "calls")
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			run(u)
			if again := run(u); !strings.Contains(again.stderr, "    14       0      2  jump    funccount uprobe/libc:getppid\n") {
				t.Errorf("the second run did not add to the first:\n%s", again.stderr)
			}
			u.env = nil
			u.golden("ps.txt", u.must("ps").stdout)
			u.golden("ps.json", u.must("ps", "-s", "web", "--json").stdout)
			u.golden("proglist.txt", u.must("prog", "list").stdout)
			u.golden("proglist.json", u.must("prog", "list", "-s", "web", "--json").stdout)
		})
	}
}

// TestRunEnvironment: the agent comes before what LD_PRELOAD has already; everything
// else of the environment, the arguments and the working directory stays.
func TestRunEnvironment(t *testing.T) {
	u := newUser(t)
	other := victim(t, "empty.so", "empty.c", "-shared", "-fPIC")
	u.env = []string{"LD_PRELOAD=" + other, "MINE=1"}
	script := `printf '%s\n' "$LD_PRELOAD" "$MINE" "$BPFTIME_SESSION" "$BPFTIME_RUNDIR" "$PWD" "$0" "$@"; cat`
	cmd := u.command("run", "-s", "web", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", script, "zero", "-s", "--", "a b")
	cmd.Stdin = strings.NewReader("input")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	agent := filepath.Join(bin, agentName)
	want := strings.Join([]string{agent + ":" + other, "1", "web", u.rundir, u.dir, "zero", "-s", "--", "a b", "input"}, "\n")
	if string(out) != want {
		t.Errorf("the program said\n%s\nwant\n%s", out, want)
	}
}

// TestRunCode: exit codes are those of env(1), and of what ended the program.
func TestRunCode(t *testing.T) {
	u := newUser(t)
	u.write("plain", "exit 9\n") // no #!: a shell runs it, as execvp does
	u.write("text", "not executable")
	u.write("nowhere.sh", "#!/no/such/interpreter\n")
	for _, name := range []string{"plain", "nowhere.sh"} {
		if err := os.Chmod(filepath.Join(u.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		argv []string
		code int
		says string
	}{
		{[]string{"true"}, 0, ""},
		{[]string{"false"}, 1, ""},
		{[]string{"sh", "-c", "exit 42"}, 42, ""},
		{[]string{"sh", "-c", "exit 125"}, 125, ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		{[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		{[]string{"sh", "-c", "kill -ABRT $$"}, 134, ""},
		{[]string{"./plain"}, 9, ""},
		{[]string{"nope"}, 127, "bpftime: nope: not found in PATH (BIN:/usr/bin:/bin)\n"},
		{[]string{"./nope"}, 127, "bpftime: ./nope: no such file\n"},
		{[]string{"./text/nope"}, 127, "bpftime: ./text/nope: no such file\n"},
		{[]string{"./nowhere.sh"}, 127, "bpftime: ./nowhere.sh: it, or the interpreter it names, does not exist\n"},
		{[]string{""}, 127, "bpftime: the program's name is empty\n"},
		{[]string{"./text"}, 126, "bpftime: ./text: permission denied: it is not executable (chmod +x)\n"},
		{[]string{"/usr"}, 126, "bpftime: /usr: is a directory\n"},
	} {
		r := u.run(append([]string{"run", "funccount", "uprobe/libc:getppid", "--"}, c.argv...)...)
		if r.code != c.code || c.says != "" && u.normal(r.stderr) != c.says {
			t.Errorf("%q: exit code %d, want %d; it said\n%s", c.argv, r.code, c.code, u.normal(r.stderr))
		}
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestRunFails: what keeps the program from being traced is told before it starts, and
// exit code 125.
func TestRunFails(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(u *user)
		args    string
		want    string
	}{
		"no agent": {func(u *user) { u.env = []string{"BPFTIME_AGENT=" + u.dir + "/agent.so"} }, "",
			"no agent at DIR/agent.so: build it with ./build.sh, or set BPFTIME_AGENT to its path"},
		"agent is no library": {func(u *user) { u.env = []string{"BPFTIME_AGENT=" + u.write("agent.so", "this is only text")} }, "",
			"the agent cannot be read: bad magic number '[116 104 105 115]' in record at byte 0x0"},
		"agent is a program": {func(u *user) { u.env = []string{"BPFTIME_AGENT=" + victim(u.t, "fixed", "calls.c", "-no-pie")} }, "",
			"BIN/fixed is no agent: ET_EXEC for EM_X86_64"},
		"agent's path has a blank": {func(u *user) {
			if err := os.Symlink(filepath.Join(bin, agentName), u.dir+"/my agent.so"); err != nil {
				u.t.Fatal(err)
			}
			u.env = []string{"BPFTIME_AGENT=my agent.so"}
		}, "", `LD_PRELOAD cannot name "DIR/my agent.so", blanks and colons separate its entries: copy the agent elsewhere and set BPFTIME_AGENT`},
		"run directory is relative": {func(u *user) { u.env = []string{"BPFTIME_RUNDIR=here"} }, "",
			`BPFTIME_RUNDIR: the path "here" is relative, and processes change their directory; write it from the root`},
		"run directory lies nowhere": {func(u *user) { u.env = []string{"BPFTIME_RUNDIR=" + u.dir + "/no/run"} }, "",
			"session: mkdir DIR/no/run: no such file or directory"},
		"run directory is a file": {func(u *user) { u.write("rundir", "") }, "",
			"session: not a directory of this user alone: DIR/rundir: set BPFTIME_RUNDIR to a directory of your own, mode 0700"},
		"others may write to the run directory": {func(u *user) { u.directory(u.rundir, 0o777) }, "",
			"session: not a directory of this user alone: DIR/rundir: set BPFTIME_RUNDIR to a directory of your own, mode 0700"},
		"session of others": {func(u *user) { u.directory(u.rundir, 0o700); u.directory(u.rundir+"/web", 0o770) }, "-s web",
			"session: not a directory of this user alone: DIR/rundir/web: set BPFTIME_RUNDIR to a directory of your own, mode 0700"},
		"session in the environment": {func(u *user) { u.env = []string{"BPFTIME_SESSION=a/b"} }, "",
			`BPFTIME_SESSION: "a/b" is no name for a session; a session is named by 1 to 64 letters, digits, '.', '_' and '-', and not by a '.' first`},
		"output": {func(*user) {}, "--output /no/such/file", "open /no/such/file: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			c.prepare(u)
			r := u.run(append(append([]string{"run"}, strings.Fields(c.args)...), "funccount", "uprobe/libc:getppid", "--", "echo", "started")...)
			if r.code != 125 || r.stdout != "" || u.normal(r.stderr) != "bpftime: "+c.want+"\n" {
				t.Errorf("exit code %d, standard output %q, error\n%s", r.code, r.stdout, u.normal(r.stderr))
			}
		})
	}
}

// directory makes one with just this mode.
func (u *user) directory(path string, mode os.FileMode) {
	u.t.Helper()
	err := os.Mkdir(path, mode)
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		u.t.Fatal(err)
	}
}

// TestRunAbort: with on_error: abort a program that cannot be traced does not start.
func TestRunAbort(t *testing.T) {
	u := newUser(t)
	u.write("m.yaml", "on_error: abort\nobjects: [{gadget: funccount, args: ['uprobe/libc:getppid', 'uprobe//proc/self/exe:nothing']}]\n")
	r := u.run("run", "-m", "m.yaml", "echo", "started")
	if r.code != 125 || r.stdout != "" || !strings.Contains(r.stderr, "symbol \"nothing\": no such symbol") {
		t.Errorf("exit code %d, standard output %q, error\n%s", r.code, r.stdout, r.stderr)
	}
}

// TestRunManifestFails: mistakes in manifests and objects have their place.
func TestRunManifestFails(t *testing.T) {
	u := newUser(t)
	u.write("key.yaml", "objects:\n  - gadgt: funccount\n")
	u.write("gadget.yaml", "objects:\n  - gadget: funcount\n    args: [uprobe/libc:malloc]\n")
	u.write("args.yaml", "objects:\n  - gadget: funccount\n    args: [uprobe/libc]\n")
	u.write("object.yaml", "objects:\n  - path: text.o\n")
	u.write("text.o", "text")
	u.write("one.yaml", "session: one\nobjects: [{gadget: mallocs}]\n")
	u.write("two.yaml", "session: two\nobjects: [{gadget: mallocs}]\n")
	for _, c := range []struct{ args, want string }{
		{"-m nope.yaml", "cannot open DIR/nope.yaml: no such file or directory"},
		{"-m /dev/null", "/dev/null is no regular file; a manifest is read by every process that inherits the variable"},
		{"-m key.yaml", `DIR/key.yaml:2:5: unknown key "gadgt"; did you mean "gadget"?`},
		{"-m gadget.yaml", `DIR/gadget.yaml:2:5: unknown gadget "funcount": there are execsnoop, funccount, funclatency, funcsum, mallocs, opensnoop, syscount`},
		{"-m object.yaml", "DIR/object.yaml:2:5: DIR/text.o: no ELF file"},
		{"-o text.o", "DIR/text.o: no ELF file"},
		{"-o nope.o", "DIR/nope.o: no such file or directory"},
		{"-m one.yaml -m two.yaml", `DIR/two.yaml: session is "two", but "one" in a manifest before it; remove one or run them apart`},
		{"-m args.yaml", "DIR/args.yaml:2:5: funccount: "},
	} {
		r := u.run(append(append([]string{"run"}, strings.Fields(c.args)...), "echo", "started")...)
		if r.code != 125 || r.stdout != "" || !strings.Contains(u.normal(r.stderr), "bpftime: "+c.want) {
			t.Errorf("%s: exit code %d, standard output %q, error\n%s", c.args, r.code, r.stdout, u.normal(r.stderr))
		}
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestRunObstacle: a program that LD_PRELOAD does not reach runs, with a warning, and
// the report says that there is nothing.
func TestRunObstacle(t *testing.T) {
	u := newUser(t)
	victim(t, "static", "calls.c", "-static")
	r := u.run("run", "funccount", "uprobe/libc:getppid", "--", "static", "4")
	u.golden("static.txt", r.stderr)
	if r.code != 4 || r.stdout != "out\n" {
		t.Errorf("exit code %d, standard output %q", r.code, r.stdout)
	}
	r = u.run("run", "--json", "funccount", "uprobe/libc:getppid", "--", "static", "4")
	_, report, _ := strings.Cut(u.normal(r.stderr), "err\n")
	u.golden("static.json", report)
}

// TestRunStale: what a killed run left is removed by the next one, but for what is
// still in use.
func TestRunStale(t *testing.T) {
	u := newUser(t)
	u.directory(u.rundir, 0o700)
	u.directory(u.rundir+"/run-1", 0o700)
	u.directory(u.rundir+"/run-2", 0o700)
	u.directory(u.rundir+"/runner", 0o700)
	lock, err := lockDir(u.rundir + "/run-2")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	u.must("run", "funccount", "uprobe/libc:getppid", "--", "true")
	if got := strings.Join(u.sessions(), " "); got != "run-2 runner" {
		t.Errorf("left are %s", got)
	}
}

// TestRunKilled: when we are killed the program lives on, and so does its session, until
// the program has ended and somebody looks.
func TestRunKilled(t *testing.T) {
	u := newUser(t)
	w := u.watch()
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cmd.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	other := func() string {
		u.must("run", "funccount", "uprobe/libc:getppid", "--", "true")
		return strings.Join(u.sessions(), " ")
	}
	left := other()
	s, err := session.Open(filepath.Join(u.rundir, left))
	if err != nil {
		t.Fatalf("left are %q: %v", left, err)
	}
	defer s.Close()
	if ps := s.Processes(); len(ps) != 1 || ps[0].Comm != "signals" {
		t.Fatalf("%+v", ps)
	} else if err := unix.Kill(ps[0].PID, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.want("term")
	if _, err := io.ReadAll(w.lines); err != nil { // it has ended
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); left != "" && time.Now().Before(end); {
		left = other()
	}
	if left != "" {
		t.Errorf("left are %s", left)
	}
}

// TestRunLong: a manifest that is too long for a variable is a file.
func TestRunLong(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	long := "'uprobe/libc:getppid'"
	for i := range 200 {
		long += fmt.Sprintf(", 'uprobe/libnot%d:%s'", i, strings.Repeat("x", maxInline/200))
	}
	u.write("m.yaml", "objects: [{gadget: funccount, args: ["+long+"]}]\n")
	r := u.must("run", "-m", "m.yaml", "calls")
	if !strings.Contains(r.stderr, "\n     7       0      1  jump        funccount uprobe/libc:getppid\n") {
		t.Errorf("%.1000s", r.stderr)
	}
}

// TestRunKeeps: a manifest for some processes only, or a long one, is a file; one name
// for one text.
func TestRunKeeps(t *testing.T) {
	u := newUser(t)
	u.write("m.yaml", "process: {exe: sh}\nobjects: [{gadget: funccount, args: ['uprobe/libc:getppid']}]\n")
	var names []string
	for range 2 {
		names = append(names, u.must("run", "-s", "web", "-m", "m.yaml", "sh", "-c", `echo "$BPFTIME_MANIFEST"`).stdout)
	}
	if names[0] != names[1] || !strings.HasPrefix(names[0], u.rundir+"/web/manifest-") {
		t.Errorf("manifests %q", names)
	}
	if text := u.must("run", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", `echo "$BPFTIME_MANIFEST"`).stdout; !strings.HasPrefix(text, "{") {
		t.Errorf("manifest %q", text)
	}
}

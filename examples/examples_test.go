package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// examples are what must be among what the commands print, as regular expressions, in this order.
var examples = map[string][]string{
	"hello":  {`^one$`, `bpf_trace_printk: hello from bash$`, `bpf_trace_printk: hello from bash$`, `^ +2 +0 +1 +jump +hello uprobe//bin/bash:echo_builtin$`},
	"getenv": {`^getenv\.asked +hash of 256, \d+ used$`, `^ +\d+ +\{name: "TMPDIR"\}$`},
	"latency": {`^ +1000 +0 +1 +\S+ +latency\.enter uprobe//bin/bash:printf_builtin$`, `^ +1000 +0 +1 +\S+ +latency\.leave uretprobe//bin/bash:test_builtin$`,
		`^latency\.latency_ns +percpu_array of 2$`, `^ +0:$`, `nsecs +: count +distribution$`, `: \d+ +\|\*{40}\|$`, `^ +1:$`, `: \d+ +\|\*{40}\|$`,
		`^latency\.starts +hash of 1024, empty$`},
	"opens":   {`result: \d+, comm: "cat", path: "/dev/null"`, `result: -1, comm: "cat", path: "/nowhere"`},
	"unlinks": {`bpf_trace_printk: here: 0$`, `bpf_trace_printk: /no/where: -2$`},
	"filter":  {`^filter\.bss `, `^ +all: \d\d+$`, `^ +large: \d+$`, `^ +largest: \d{5,}$`},
	"throws": {`^caught 100$`, `^ +100 +0 +1 +\S+ +throws.on_throw usdt/libstdc\+\+:libstdcxx:throw$`,
		`^ +"St13runtime_error": \{thrown: 90, rethrown: 90, caught: 180\}$`, `^ +"i": \{thrown: 10, rethrown: 0, caught: 10\}$`},
	"leaks":    {`^leaks\.live +hash of 65536, \d+ used$`, `^ +\d+ +0x[0-9a-f]+$`},
	"override": {`^65534$`, `^bash: xmalloc: cannot allocate 2000001 bytes$`, `^exit 2$`},
	"patch":    {`^mode 664$`, `^64$`, `^4096$`},
	"together": {`^one$`, `^two$`, `^three$`, `^together\.echoes +array of 1$`, `^ +0 +3$`},
}

// TestExamples does what the comment of each program says, in a copy of its directory.
func TestExamples(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/bpftime").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range examples {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			if err := os.CopyFS(dir, os.DirFS(name)); err != nil {
				t.Fatal(err)
			}
			out := follow(t, dir, bin, commands(t, filepath.Join(name, name+".bpf.c")))
			lines := strings.Split(out, "\n")
			for _, w := range want {
				for len(lines) > 0 && !regexp.MustCompile(w).MatchString(lines[0]) {
					lines = lines[1:]
				}
				if len(lines) == 0 {
					t.Fatalf("no %s in\n%s", w, out)
				}
				lines = lines[1:]
			}
		})
	}
}

// commands are the lines that the comment at the top of a file has behind a tab.
func commands(t *testing.T, path string) string {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "*/")
	var out strings.Builder
	for line := range strings.Lines(comment) {
		if command, ok := strings.CutPrefix(line, " *\t"); ok {
			out.WriteString(command)
		}
	}
	return out.String()
}

// follow runs the commands with the tools and the agent of this checkout, and returns all they print.
func follow(t *testing.T, dir, bin, commands string) string {
	t.Helper()
	c := exec.Command("bash", "-ec", commands)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "BPFTIME_RUNDIR="+filepath.Join(filepath.Dir(dir), "run"), "BPFTIME_AGENT="+agent(t), "LC_ALL=C")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, commands, out)
	}
	return string(out)
}

func agent(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BPFTIME_AGENT")
	if path == "" {
		path = "../build/libbpftime-agent.so"
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("no agent (%v): run ./build.sh build, or name it by BPFTIME_AGENT", err)
	}
	return path
}

// TestAllAreRun: no example is without a test, and the package comment names every one.
func TestAllAreRun(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && (examples[e.Name()] == nil || !strings.Contains(string(doc), fmt.Sprintf("//\t%s ", e.Name()))) {
			t.Errorf("%s is not run, or not in the package comment", e.Name())
		}
	}
}

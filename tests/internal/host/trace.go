package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Trace is what the agent is told to do in one run.
type Trace struct {
	Specs    []string // attach specifications, given to funccount
	Session  string   // "" is "default"
	Exe      string   // process.exe, if any
	Abort    bool     // on_error: abort
	Traps    bool     // traps: true
	Reads    bool     // reads: guarded
	Complete bool     // syscalls: complete
	Text     string   // the whole manifest, instead of Specs, Exe, Abort and Traps; Session then repeats what it says
	RunDir   string   // "" makes one that belongs to the program's user
	Preload  string   // the variable that names the agent; "" is LD_PRELOAD

	// ManifestIn is a root directory: the manifest is put there, and named as the program will see it after chroot.
	ManifestIn string

	made bool // RunDir was made by us
}

// HotSpecs are functions of libc that every program calls: entry and return, with and without stack use, an IFUNC.
var HotSpecs = []string{
	"uprobe/libc:malloc", "uretprobe/libc:malloc", "uprobe/libc:free", "uretprobe/libc:getenv", "uprobe/libc:getppid",
	"uprobe/libc:read", "uretprobe/libc:write", "uprobe/libc:strlen",
}

// Hot traces HotSpecs.
func Hot() *Trace { return &Trace{Specs: HotSpecs} }

// Of traces the given specifications.
func Of(specs ...string) *Trace { return &Trace{Specs: specs} }

// environment writes the manifest, makes the run directory, and returns the variables that start the agent.
func (tr *Trace) environment(t testing.TB, c Cmd) []string {
	t.Helper()
	if Baseline() {
		return nil
	}
	base := filepath.Dir(c.Dir)
	if tr.RunDir == "" || tr.made {
		tr.RunDir, tr.made = filepath.Join(base, "run"), true
		if err := os.RemoveAll(tr.RunDir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(tr.RunDir, 0o700); err != nil {
			t.Fatal(err)
		}
		c.User.own(t, tr.RunDir)
	}
	manifest := tr.writeManifest(t, base)
	preload := tr.Preload
	if preload == "" {
		preload = "LD_PRELOAD"
	}
	return []string{preload + "=" + Agent(t), "BPFTIME_MANIFEST=" + manifest, "BPFTIME_RUNDIR=" + tr.RunDir}
}

// writeManifest returns the path by which the program finds the manifest.
func (tr *Trace) writeManifest(t testing.TB, base string) string {
	t.Helper()
	const name = "/m.yaml"
	in := base
	if tr.ManifestIn != "" {
		in, base = tr.ManifestIn, ""
	}
	if err := os.WriteFile(in+name, []byte(tr.Manifest()), 0o644); err != nil {
		t.Fatal(err)
	}
	return base + name
}

// Manifest returns the manifest's text.
func (tr *Trace) Manifest() string {
	if tr.Text != "" {
		return tr.Text
	}
	var b strings.Builder
	if tr.Session != "" {
		fmt.Fprintf(&b, "session: %s\n", tr.Session)
	}
	b.WriteString("objects:\n  - gadget: funccount\n    args:\n")
	for _, s := range tr.Specs {
		fmt.Fprintf(&b, "      - %q\n", s)
	}
	if tr.Exe != "" {
		fmt.Fprintf(&b, "process: {exe: %q}\n", tr.Exe)
	}
	if tr.Abort {
		b.WriteString("on_error: abort\n")
	}
	if tr.Traps {
		b.WriteString("traps: true\n")
	}
	if tr.Reads {
		b.WriteString("reads: guarded\n")
	}
	if tr.Complete {
		b.WriteString("syscalls: complete\n")
	}
	return b.String()
}

// Path returns the session's directory.
func (tr *Trace) Path() string {
	name := tr.Session
	if name == "" {
		name = "default"
	}
	return filepath.Join(tr.ManifestIn, tr.RunDir, name)
}

// WantSilent fails the test when the agent created anything.
func (tr *Trace) WantSilent(t testing.TB) {
	t.Helper()
	if Baseline() {
		return
	}
	entries, err := os.ReadDir(tr.RunDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("the agent should have done nothing, but there is %s", filepath.Join(tr.RunDir, e.Name()))
	}
}

package hosts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestStatic: the loader preloads nothing into a static program.
func TestStatic(t *testing.T) {
	guest := host.Build(t, "gcc", "guest_static", "guest.c", "-static")
	tr := host.Of("uprobe/"+guest+":f", "uprobe/libc:malloc")
	host.Compare(t, host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t)}, tr)
	tr.WantSilent(t)
}

// TestSetuid: the loader preloads nothing by path into a program that runs with more rights than its caller.
func TestSetuid(t *testing.T) {
	host.RequireRoot(t)
	guest := host.Victim(t, "guest.c")
	dir := host.WorkDir(t)
	program := filepath.Join(filepath.Dir(dir), "setuid")
	copyFile(t, guest, program, 0o755|os.ModeSetuid)
	tr := host.Of("uprobe/"+program+":f", "uprobe/libc:malloc")
	c := host.Cmd{Args: []string{program}, Dir: dir, User: host.Nobody, Rules: []host.Rule{preloadIgnored}}
	host.Compare(t, c, tr)
	tr.WantSilent(t)
}

// preloadIgnored is what ld.so itself may say of a preload it must not honour.
var preloadIgnored = host.Rewrite(`(?m)^ERROR: ld\.so: object .* cannot be preloaded .*: ignored\.\n`, "")

// TestOtherProcess: a process that the manifest does not name stays untouched, and nothing is created for it.
func TestOtherProcess(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	tests := []struct {
		exe     string
		matches bool
	}{
		{"*/nginx", false},
		{"/usr/bin/*", false},
		{"gues", false},
		{"guest", true},
		{"*/guest", true},
		{guest, true},
		{"*", true},
	}
	for _, test := range tests {
		t.Run(test.exe, func(t *testing.T) {
			spec := "uprobe/" + guest + ":f"
			tr := &host.Trace{Specs: []string{spec}, Exe: test.exe}
			host.Compare(t, host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t)}, tr)
			if test.matches {
				tr.WantHits(t, spec, 100)
			} else {
				tr.WantSilent(t)
			}
		})
	}
}

// TestNoManifest: without a manifest, or with one that cannot be used, a program runs as if there were no agent.
func TestNoManifest(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	tests := []struct {
		name string
		env  []string
	}{
		{"unset", nil},
		{"empty", []string{"BPFTIME_MANIFEST="}},
		{"relative", []string{"BPFTIME_MANIFEST=m.yaml"}},
		{"absent", []string{"BPFTIME_MANIFEST=/nonexistent/m.yaml"}},
		{"directory", []string{"BPFTIME_MANIFEST=/tmp"}},
		{"device", []string{"BPFTIME_MANIFEST=/dev/zero"}},
		{"nonsense", []string{"BPFTIME_MANIFEST={objects: [}"}},
		{"unknown symbol", []string{`BPFTIME_MANIFEST={objects: [{gadget: funccount, args: ["uprobe/libc:nothing"]}]}`}},
		{"unknown module", []string{`BPFTIME_MANIFEST={objects: [{gadget: funccount, args: ["uprobe/nothing:f"]}]}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), Setup: linkManifest}
			plain := host.Run(t, c, nil)
			if host.Baseline() {
				return
			}
			c.Env = append(test.env, "LD_PRELOAD="+host.Agent(t), "BPFTIME_RUNDIR="+filepath.Dir(c.Dir))
			traced := host.Run(t, c, nil)
			if plain.Stdout != traced.Stdout || plain.Stderr != traced.Stderr || plain.Exit != traced.Exit {
				t.Errorf("plain %+v\ntraced %+v", plain, traced)
			}
		})
	}
}

// linkManifest puts a manifest where a relative path would find it.
func linkManifest(t testing.TB, dir string) {
	t.Helper()
	text := host.Of("uprobe/libc:malloc").Manifest()
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

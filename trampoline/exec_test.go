package trampoline_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/session"
)

// rounds is how often a host calls f.
const rounds = 10

// TestExecution calls every hazard that is patched, without probes and with, and
// compares every register.
func TestExecution(t *testing.T) {
	agent, host := findAgent(t), buildHost(t)
	for _, h := range hazards(t) {
		if !h.run || strings.HasPrefix(h.entry, "refused") {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			so := h.build(t)
			plain := h.call(t, host, so)
			for _, gadget := range []string{"funccount", "funcsum"} { // a leaf program, and one that is given pt_regs
				h.probe(t, agent, host, so, gadget, plain)
			}
		})
	}
}

func findAgent(t *testing.T) string {
	t.Helper()
	agent := os.Getenv("BPFTIME_AGENT")
	if agent == "" {
		agent = "../build/libbpftime-agent.so"
	}
	agent, err := filepath.Abs(agent)
	if err == nil {
		_, err = os.Stat(agent)
	}
	if err != nil {
		t.Fatalf("no agent (%v): run ./build.sh build, or name it by BPFTIME_AGENT", err)
	}
	return agent
}

func buildHost(t *testing.T) string {
	t.Helper()
	host := filepath.Join(t.TempDir(), "host")
	if out, err := exec.Command("gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-pie", "-no-pie", "-o", host, "testdata/host.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return host
}

// call runs the host with libraries preloaded and returns what it prints.
func (h hazard) call(t *testing.T, host, preload string, env ...string) []byte {
	t.Helper()
	cmd := exec.Command(host, fmt.Sprint(rounds))
	if h.buffer {
		cmd.Args = append(cmd.Args, "buffer")
	}
	cmd.Env = append(env, "LD_PRELOAD="+preload, "LD_BIND_NOW=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	return out
}

// probe runs the host with a program on each half that is not refused.
func (h hazard) probe(t *testing.T, agent, host, so, gadget string, plain []byte) {
	t.Helper()
	specs := []string{"uprobe/" + so + ":f"}
	if !strings.HasPrefix(h.ret, "refused") {
		specs = append(specs, "uretprobe/"+so+":f")
	}
	h.probeAt(t, agent, host, so, gadget, plain, specs, []uint64{rounds * h.hits, rounds}[:len(specs)])
}

// probeAt runs it with a program at each of the places, and says how often they must be hit.
func (h hazard) probeAt(t *testing.T, agent, host, so, gadget string, plain []byte, specs []string, hits []uint64) {
	t.Helper()
	rundir := t.TempDir()
	manifest := fmt.Sprintf(`{objects: [{gadget: %s, args: ["%s"]}]}`, gadget, strings.Join(specs, `", "`))
	out := h.call(t, host, agent+" "+so, "BPFTIME_MANIFEST="+manifest, "BPFTIME_RUNDIR="+rundir)
	if !bytes.Equal(out, plain) {
		t.Errorf("%s: %s", gadget, difference(string(out), string(plain)))
	}
	h.checkHits(t, rundir, gadget, specs, hits)
}

func (h hazard) checkHits(t *testing.T, rundir, gadget string, specs []string, hits []uint64) {
	t.Helper()
	s, err := session.Open(filepath.Join(rundir, "default"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	links := s.Links()
	if len(links) != len(specs) {
		t.Fatalf("%s: %d links, want %d; the log:\n%s", gadget, len(links), len(specs), strings.Join(s.Log(), "\n"))
	}
	for i, want := range hits {
		if l := links[i]; l.Hits != want || l.Misses != 0 || l.Error != "" {
			t.Errorf("%s: %s: %d hits, want %d; %d misses; %s", gadget, l.Name, l.Hits, want, l.Misses, l.Error)
		}
	}
}

// difference is the first line that is not the same.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is\n%s\nwithout probes\n%s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, without probes %d", len(g), len(w))
}

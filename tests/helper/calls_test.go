package helper

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// TestReads: bad addresses are errors and good ones are read, where a fault would end the process.
func TestReads(t *testing.T) {
	scenarios(t, "reads", "plain", "blocked", "handler", "spawn", "private", "stack", "fork", "filter", "filter_pid")
}

// TestGuardedReads: the same where SIGSEGV and SIGBUS are ours; no filter can forbid it. What a host does to the signals is
// tests/signals.
func TestGuardedReads(t *testing.T) {
	for _, s := range []string{"plain", "stack", "fork", "filter", "filter_pid"} {
		t.Run(s, func(t *testing.T) { check(t, nil, "reads", s, "guarded") })
	}
}

// TestIdentity: who runs the program is who the kernel says.
func TestIdentity(t *testing.T) {
	scenarios(t, "identity", "threads", "forks", "raw_forks", "vforks", "unknown_libc", "namespace", "users", "names", "kept_names", "execs", "tasks", "signals")
}

// TestValues: clocks lie between two looks of the C library at the same clock, and so on.
func TestValues(t *testing.T) {
	scenarios(t, "values", "times", "order", "no_tsc", "cpu", "randoms", "run_record", "strings", "call_record", "locks")
}

// TestStack: law 5. A helper takes at most 320 bytes of the host's stack; one that prints and reads a string, twice that.
func TestStack(t *testing.T) {
	t.Log(check(t, nil, "values", "stacks"))
}

// TestSeeds: two processes do not draw the same numbers.
func TestSeeds(t *testing.T) {
	first := func() string {
		line, _, _ := strings.Cut(run(t, "values", "randoms"), "\n")
		return line
	}
	if a, b := first(), first(); !strings.HasPrefix(a, "first 0x") || a == b {
		t.Errorf("%q and %q", a, b)
	}
}

// TestSilent: helpers that need no system call make none: the process would be killed for one.
func TestSilent(t *testing.T) {
	out, err := exec.Command(program(t, "values"), "silent").CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 || len(out) > 0 {
		t.Errorf("%v, %q; want exit status 7, and silence", err, out)
	}
}

// offered are the numbers in the list of attach/helpers.go, by which programs are accepted.
func offered(t *testing.T) map[int32]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(host.Root(t), "attach/helpers.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	list := file.Scope.Lookup("helpers").Decl.(*ast.ValueSpec).Values[0].(*ast.CompositeLit)
	ids := map[int32]bool{}
	for _, e := range list.Elts {
		id, err := strconv.ParseInt(e.(*ast.BasicLit).Value, 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		ids[int32(id)] = true
	}
	return ids
}

// TestProvided: attach offers programs what the C switch has, and of each the verifier knows the prototype.
func TestProvided(t *testing.T) {
	provided, offered := map[int32]bool{}, offered(t)
	for line := range strings.Lines(run(t, "values", "list")) {
		var id int32
		if _, err := fmt.Sscanf(line, "helper %d\n", &id); err == nil {
			provided[id] = true
		}
	}
	for id := int32(-1); id < abi.HELPER_COUNT; id++ {
		if offered[id] != provided[id] {
			t.Errorf("%s: attach says %v, internal/native/bpf.c %v", helper.Describe(id), offered[id], provided[id])
		}
		if _, known := helper.ByID(id); provided[id] && !known {
			t.Errorf("%s has no prototype in vm/helper", helper.Describe(id))
		}
	}
	if len(provided) < 20 {
		t.Errorf("%d helpers", len(provided))
	}
}

// TestRefusedPrints: arguments of print helpers that are none.
func TestRefusedPrints(t *testing.T) {
	check(t, nil, "print", host.WorkDir(t)+"-session", "refused")
}

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed c
var sources embed.FS

// workshop is the run's own directory with the compiled programs, and the session directory's parent.
type workshop struct {
	ctx    context.Context
	o      options
	dir    string
	rundir string // BPFTIME_RUNDIR: in shared memory, where sessions live by default

	noPrograms error // why programs.bpf.o is not there
}

func newWorkshop(ctx context.Context, o options) (*workshop, error) {
	if o.agent != "" {
		path, err := filepath.Abs(o.agent)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("agent: %w", err)
		}
		o.agent = path
	}
	dir, err := os.MkdirTemp("", "bpftime-bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{ctx: ctx, o: o, dir: dir, rundir: filepath.Join(dir, "run")}
	if shm, err := os.MkdirTemp("/dev/shm", "bpftime-bench-"); err == nil {
		w.rundir = shm
	}
	if err := w.build(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workshop) close() {
	os.RemoveAll(w.dir)
	os.RemoveAll(w.rundir)
}

func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

func (w *workshop) build() error {
	if err := os.CopyFS(w.dir, sources); err != nil {
		return err
	}
	w.noPrograms = w.compilePrograms()
	return errors.Join(
		w.compile("host", "host.c", "sample.c", "least.c", "sites.S", "limit.S", "cold.S"),
		w.compile("machine", "machine.c", "sample.c"),
		w.compile("runner", "runner.c", "sample.c"),
		w.compile("calls", "calls.c", "sample.c"),
		w.compile("empty.so", "-fPIC", "-shared", "empty.c"),
	)
}

// compilePrograms makes the objects, if there is a compiler for them.
func (w *workshop) compilePrograms() error {
	for _, name := range []string{"programs.bpf", withMaps + ".bpf"} {
		clang := exec.CommandContext(w.ctx, "clang", "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-c", name+".c", "-o", w.path(name+".o"))
		clang.Dir = w.path("c")
		if out, err := clang.CombinedOutput(); err != nil {
			return fmt.Errorf("clang: %w %s", err, out)
		}
	}
	return nil
}

func (w *workshop) compile(output string, args ...string) error {
	args = append([]string{"-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wl,--fatal-warnings", "-o", w.path(output)}, args...)
	gcc := exec.CommandContext(w.ctx, "gcc", args...)
	gcc.Dir = w.path("c")
	if out, err := gcc.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc %s: %w\n%s", output, err, out)
	}
	return nil
}

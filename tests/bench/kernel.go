package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// kernelProbes are the kernel's uprobes on the running host, by site.
type kernelProbes struct {
	w        *workshop
	programs map[string][]*ebpf.Program
	links    []link.Link
}

// attachKernel puts the programs of the sites on their entries and returns, as often as each asks for.
func attachKernel(w *workshop, pid int, sites []site) (*kernelProbes, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("kernel eBPF is not to be had here: %w", err)
	}
	executable, err := link.OpenExecutable(w.path("host"))
	if err != nil {
		return nil, err
	}
	k := &kernelProbes{w: w, programs: map[string][]*ebpf.Program{}}
	for _, s := range sites {
		if err := k.attachSite(executable, pid, s); err != nil {
			k.close()
			return nil, fmt.Errorf("kernel uprobe on %s: %w", s.symbol(), err)
		}
	}
	return k, nil
}

func (k *kernelProbes) attachSite(executable *link.Executable, pid int, s site) error {
	for range s.entries {
		if err := k.attach(s, pid, executable.Uprobe); err != nil {
			return err
		}
	}
	for range s.returns {
		if err := k.attach(s, pid, executable.Uretprobe); err != nil {
			return err
		}
	}
	return nil
}

type attacher func(symbol string, prog *ebpf.Program, opts *link.UprobeOptions) (link.Link, error)

func (k *kernelProbes) attach(s site, pid int, to attacher) error {
	spec, err := k.spec(s)
	if err != nil {
		return err
	}
	program, err := ebpf.NewProgram(spec)
	if err != nil {
		return err
	}
	k.programs[s.name] = append(k.programs[s.name], program)
	l, err := to(s.symbol(), program, &link.UprobeOptions{PID: pid})
	if err != nil {
		return err
	}
	k.links = append(k.links, l)
	return nil
}

// spec is the site's program: one that does nothing, if it names none.
func (k *kernelProbes) spec(s site) (*ebpf.ProgramSpec, error) {
	if s.program == "" {
		return &ebpf.ProgramSpec{
			Type:         ebpf.Kprobe,
			License:      "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		}, nil
	}
	if k.w.noPrograms != nil {
		return nil, k.w.noPrograms
	}
	all, err := ebpf.LoadCollectionSpec(k.w.path("programs.bpf.o"))
	if err != nil {
		return nil, err
	}
	return all.Programs[s.program], nil
}

// countRuns makes the kernel count how often programs run, at a cost that timing must not pay, until the closer is closed.
func countRuns() (io.Closer, error) {
	return ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
}

// hits is how often the site's programs have run while runs were counted.
func (k *kernelProbes) hits(s site) (uint64, error) {
	var total uint64
	for _, p := range k.programs[s.name] {
		stats, err := p.Stats()
		if err != nil {
			return 0, err
		}
		total += stats.RunCount
	}
	return total, nil
}

func (k *kernelProbes) close() error {
	var errs []error
	for _, l := range k.links {
		errs = append(errs, l.Close())
	}
	for _, programs := range k.programs {
		for _, p := range programs {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// kernelProbes are the kernel's uprobes on the running host, by site.
type kernelProbes struct {
	maps     *kernelMaps // of the object that the sites' programs are in
	programs map[string][]*ebpf.Program
	links    []link.Link
}

// attachKernel puts the programs of the sites on their entries and returns, as often as each asks for.
func attachKernel(w *workshop, pid int, object string, sites []site) (*kernelProbes, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("kernel eBPF is not to be had here: %w", err)
	}
	executable, err := link.OpenExecutable(w.path("host"))
	if err != nil {
		return nil, err
	}
	k := &kernelProbes{programs: map[string][]*ebpf.Program{}}
	if k.maps, err = loadFor(w, object, sites); err != nil {
		return nil, err
	}
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
	program, err := k.program(s)
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

// loadFor makes what programs of the sites need, if there are any.
func loadFor(w *workshop, object string, sites []site) (*kernelMaps, error) {
	if !slices.ContainsFunc(sites, func(s site) bool { return s.program != "" }) {
		return &kernelMaps{}, nil
	}
	if w.noPrograms != nil {
		return nil, w.noPrograms
	}
	k, err := loadMaps(w.path(object + ".bpf.o"))
	if err != nil {
		return nil, err
	}
	if object == withMaps {
		err = cmp.Or(k.link(), fill(k))
	}
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

// program is the site's: one that does nothing, if it names none.
func (k *kernelProbes) program(s site) (*ebpf.Program, error) {
	if s.program != "" {
		return k.maps.program(s.program)
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.Kprobe,
		License:      "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
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
	return errors.Join(append(errs, k.maps.close())...)
}

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/bpftime-go/bpftime/tests/internal/userring"
)

// kernelMaps are an object's maps in the kernel, and the other ends of its rings.
type kernelMaps struct {
	spec *ebpf.CollectionSpec
	maps map[string]*ebpf.Map
	ring *ringbuf.Reader
	perf *perf.Reader
	user *userring.Writer
}

// loadMaps makes the maps of an object. Its programs come one by one.
func loadMaps(path string) (*kernelMaps, error) {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return nil, err
	}
	for _, m := range spec.Maps {
		if m.Type == ebpf.ProgramArray {
			m.Contents = nil // see link
		}
	}
	bare := spec.Copy()
	bare.Programs = nil
	all, err := ebpf.NewCollection(bare)
	if err != nil {
		return nil, err
	}
	k := &kernelMaps{spec: spec, maps: all.Maps}
	all.Maps = nil
	all.Close()
	if err := k.openRings(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

func (k *kernelMaps) openRings() (err error) {
	const room = 4 << 20
	if m := k.maps["ring"]; m != nil && err == nil {
		k.ring, err = ringbuf.NewReader(m)
	}
	if m := k.maps["perf"]; m != nil && err == nil {
		k.perf, err = perf.NewReaderWithOptions(m, room, perf.ReaderOptions{Watermark: room - 1})
	}
	if m := k.maps["user_ring"]; m != nil && err == nil {
		k.user, err = userring.Open(m.FD(), m.MaxEntries())
	}
	return err
}

// program loads one program, with the maps that are there.
func (k *kernelMaps) program(name string) (*ebpf.Program, error) {
	spec := k.spec.Copy()
	for other := range spec.Programs {
		if other != name {
			delete(spec.Programs, other)
		}
	}
	all, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: k.maps})
	if err != nil {
		return nil, err
	}
	defer all.Close()
	return all.DetachProgram(name), nil
}

// link fills the array of programs.
func (k *kernelMaps) link() error {
	step, err := k.program("tail_step")
	if err != nil {
		return err
	}
	defer step.Close()
	return k.maps["next"].Put(uint32(0), step)
}

func (k *kernelMaps) put(name string, key, value []byte) error {
	m := k.maps[name]
	if key == nil {
		return m.Put(nil, value)
	}
	if m.Type() != ebpf.PerCPUHash {
		return m.Put(key, value)
	}
	values := make([][]byte, ebpf.MustPossibleCPU())
	for i := range values {
		values[i] = value
	}
	return m.Put(key, values)
}

func (k *kernelMaps) read(name string) ([]byte, error) {
	return k.maps["."+name].LookupBytes(make([]byte, 4))
}

func (k *kernelMaps) prepare(ring string) error {
	var err error
	switch ring {
	case "ring":
		k.ring.SetDeadline(time.Unix(1, 0))
		for err == nil {
			_, err = k.ring.Read()
		}
	case "perf":
		k.perf.SetDeadline(time.Unix(1, 0))
		for err == nil {
			_, err = k.perf.Read()
		}
	case "user_ring":
		return fillRing(k.user)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("emptying %s: %w", ring, err)
}

func (k *kernelMaps) close() error {
	var errs []error
	if k.ring != nil {
		errs = append(errs, k.ring.Close())
	}
	if k.perf != nil {
		errs = append(errs, k.perf.Close())
	}
	if k.user != nil {
		errs = append(errs, k.user.Close())
	}
	for _, m := range k.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

package object_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/vm/jit/exec"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

func init() {
	engines = append(engines, engine{
		name: "jit",
		memory: func(t *testing.T, size int) (uint64, []byte) {
			mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Munmap(mem); err != nil {
					t.Error(err)
				}
			})
			return address(mem), mem
		},
		run: func(w *world, v *verifier.Verified, ctx []byte) (uint64, error) {
			p, err := exec.New(v, exec.Options{Helpers: w.helpers(), Maps: w.handles, MapValues: w.values})
			if err != nil {
				return 0, err
			}
			defer p.Close()
			return p.Run(ctx)
		},
	})
}

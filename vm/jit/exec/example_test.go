//go:build linux && amd64

package exec_test

import (
	"fmt"
	"log"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// A program that calls a helper written in Go, as machine code.
func Example() {
	const square = 1000
	helpers := new(helper.Registry).Register(square, helper.Pure(func(n, _, _, _, _ uint64) uint64 { return n * n }))

	insns, err := vm.Assemble(`
		r6 = *(u32 *)(r1 + 0)
		r1 = *(u32 *)(r1 + 4)
		call 1000
		r0 += r6
		exit`)
	if err != nil {
		log.Fatal(err)
	}
	prog, err := vm.Validate(insns, vm.Options{})
	if err != nil {
		log.Fatal(err)
	}

	verified, err := verifier.Verify(prog, verifier.Options{
		Context: 8,
		Helper:  func(id int32) bool { return id == square },
	})
	if err != nil {
		log.Fatal(err)
	}

	p, err := exec.New(verified, exec.Options{Helpers: helpers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	r0, err := p.Run([]byte{5, 0, 0, 0, 7, 0, 0, 0})
	fmt.Println(r0, err)
	// Output: 54 <nil>
}

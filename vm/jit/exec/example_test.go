//go:build linux && amd64

package exec_test

import (
	"fmt"
	"log"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
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

	// Elsewhere the verifier vouches for a program.
	p, err := exec.New(unverified.Program(prog), exec.Options{Helpers: helpers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	r0, err := p.Run([]byte{5, 0, 0, 0, 7, 0, 0, 0})
	fmt.Println(r0, err)
	// Output: 54 <nil>
}

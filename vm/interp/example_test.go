package interp_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// Bytes come from a file, the network or an ELF section; r1 points to the
// context and r2 is its length.
func Example() {
	code := []byte{
		0xb7, 0, 0, 0, 0, 0, 0, 0, //            0: r0 = 0
		0x15, 2, 5, 0, 0, 0, 0, 0, //            1: if r2 == 0 goto +5
		0x71, 0x13, 0, 0, 0, 0, 0, 0, //         2: r3 = *(u8 *)(r1 + 0)
		0x0f, 0x30, 0, 0, 0, 0, 0, 0, //         3: r0 += r3
		0x07, 1, 0, 0, 1, 0, 0, 0, //            4: r1 += 1
		0x07, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, // 5: r2 += -1
		0x05, 0, 0xfa, 0xff, 0, 0, 0, 0, //      6: goto -6
		0x95, 0, 0, 0, 0, 0, 0, 0, //            7: exit
	}
	prog, err := vm.Load(code, vm.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := interp.New(prog, interp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sum, err := m.Run([]byte{1, 2, 3, 4})
	fmt.Println(sum, err)
	// Output: 10 <nil>
}

// A helper is a Go function under a number. What it is given are numbers; it
// reaches the program's memory through the helper.Memory.
func Example_helper() {
	prog, err := vm.Validate(vm.MustAssemble(`
		*(u64 *)(r10 - 8) = 0
		r1 = r10
		r1 += -8
		call 100              // write the answer there
		r1 = *(u64 *)(r10 - 8)
		call 101              // double it
		exit
	`), vm.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	helpers := new(helper.Registry).
		Register(100, func(m helper.Memory, addr, _, _, _, _ uint64) (uint64, error) {
			return 0, m.Write(addr, binary.LittleEndian.AppendUint64(nil, 21))
		}).
		Register(101, helper.Pure(func(n, _, _, _, _ uint64) uint64 { return 2 * n }))
	m, err := interp.New(prog, interp.Options{Helpers: helpers})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Run(nil))
	// Output: 42 <nil>
}

// A budget ends a program that does not end by itself.
func Example_budget() {
	prog, err := vm.Validate(vm.MustAssemble(`
		r0 = 0
	again:	r0 += 1
		goto again
	`), vm.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := interp.New(prog, interp.Options{Budget: 1_000_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = m.Run(nil)
	fmt.Println(err)
	fmt.Println(errors.Is(err, interp.ErrBudget), m.Executed())
	// Output:
	// insn 2: goto -2: instruction budget used up
	// true 1000000
}

// A wrong access is an error that says where and what.
func ExampleFault() {
	prog, err := vm.Validate(vm.MustAssemble(`
		r0 = *(u64 *)(r1 + 12)
		exit
	`), vm.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := interp.New(prog, interp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = m.Run(make([]byte, 16))
	fmt.Println(err)
	var fault *interp.Fault
	if errors.As(err, &fault) {
		fmt.Println("slot", fault.Slot)
	}
	// Output:
	// insn 0: r0 = *(u64 *)(r1 + 12): invalid memory access: read of 8 bytes at 0x400000000000000c: byte 12 of the context, which has 16
	// slot 0
}

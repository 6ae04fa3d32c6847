package vm_test

import (
	"fmt"

	"github.com/bpftime-go/bpftime/vm"
)

func ExampleAssemble() {
	insns, err := vm.Assemble(`
		r0 = 0
		if r2 < 8 goto short
		r0 = *(u64 *)(r1 + 0)
	short:	exit
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := vm.Encode(insns)
	fmt.Printf("%x %v\n", code, err)
	// Output: b700000000000000a50201000800000079100000000000009500000000000000 <nil>
}

func ExampleValidate() {
	_, err := vm.Validate([]vm.Instruction{
		{OpCode: vm.ALU64 | vm.MOV | vm.K, Dst: vm.R0, Imm: 1},
		{OpCode: vm.JMP | vm.JA, Off: 7},
		{OpCode: vm.JMP | vm.EXIT},
	}, vm.Options{})
	fmt.Println(err)
	// Output: insn 1: goto +7: target 9 is outside the program of 3 slots
}

func ExampleDisassemble() {
	insns, err := vm.Decode([]byte{
		0x18, 1, 0, 0, 0x88, 0x77, 0x66, 0x55, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11,
		0xdb, 0x0a, 0xf8, 0xff, 1, 0, 0, 0,
		0x66, 1, 3, 0, 5, 0, 0, 0,
	})
	fmt.Print(vm.Disassemble(insns))
	fmt.Println(err)
	// Output:
	//    0: r1 = 0x1122334455667788 ll
	//    2: r0 = atomic_fetch_add((u64 *)(r10 - 8), r0)
	//    3: if w1 s> 5 goto +3
	// <nil>
}

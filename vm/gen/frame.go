package gen

import "github.com/bpftime-go/bpftime/vm"

// Registers at the start of a function are numbers: of the memory in the main
// function, of the arguments r2 to r5 in the others.

func (f *function) prologue() []vm.Instruction {
	insns := []vm.Instruction{store(vm.DW, vm.R10, vm.R1, memSlot)}
	if f.main {
		insns = append(insns, f.copyArea()...)
		for r := vm.R0; r <= vm.R9; r++ {
			if r != vm.R1 {
				insns = append(insns, load(vm.DW, r, vm.R1, int16(8*r)))
			}
		}
		return append(insns, load(vm.DW, vm.R1, vm.R1, 8))
	}
	for i, r := range []vm.Register{vm.R0, vm.R6, vm.R7, vm.R8} {
		insns = append(insns, move(r, vm.R2+vm.Register(i)))
	}
	insns = append(insns, load(vm.DW, vm.R9, vm.R1, 0), move(vm.R1, vm.R3))
	for i := 0; i < f.area; i += 8 {
		insns = append(insns, store(vm.DW, vm.R10, vm.R2+vm.Register(i/8%4), int16(f.bottom()+i)))
	}
	return insns
}

// copyArea fills the area with numbers of the memory.
func (f *function) copyArea() []vm.Instruction {
	var insns []vm.Instruction
	for i := 0; i < f.area; i += 8 {
		insns = append(insns,
			load(vm.DW, vm.R2, vm.R1, int16((64+i)%inputSize)),
			store(vm.DW, vm.R10, vm.R2, int16(f.bottom()+i)))
	}
	return insns
}

// epilogue makes all state seen: the main function writes it to the memory, the
// others fold it into r0.
func (f *function) epilogue() []vm.Instruction {
	if !f.main {
		return append(f.fold(), vm.Instruction{OpCode: vm.JMP | vm.EXIT})
	}
	var insns []vm.Instruction
	for r := vm.R0; r <= vm.R9; r++ {
		insns = append(insns, store(vm.DW, vm.R10, r, int16(saveBottom+8*int(r))))
	}
	insns = append(insns, load(vm.DW, vm.R1, vm.R10, memSlot))
	for i := 0; i < saveSize+f.area; i += 8 {
		from := saveBottom + i
		if i >= saveSize {
			from = f.bottom() + i - saveSize
		}
		insns = append(insns,
			load(vm.DW, vm.R2, vm.R10, int16(from)),
			store(vm.DW, vm.R1, vm.R2, int16(inputSize+i)))
	}
	insns = append(insns, load(vm.DW, vm.R0, vm.R1, ResultOffset))
	return append(insns, vm.Instruction{OpCode: vm.JMP | vm.EXIT})
}

// fold makes r0 depend on every register and on the area.
func (f *function) fold() []vm.Instruction {
	var insns []vm.Instruction
	mix := func(r vm.Register) {
		insns = append(insns,
			alu64Imm(vm.MUL, vm.R0, -1640531535),
			vm.Instruction{OpCode: vm.ALU64 | vm.XOR | vm.X, Dst: vm.R0, Src: r})
	}
	for r := vm.R1; r <= vm.R9; r++ {
		mix(r)
	}
	for i := 0; i < f.area; i += 8 {
		insns = append(insns, load(vm.DW, vm.R1, vm.R10, int16(f.bottom()+i)))
		mix(vm.R1)
	}
	return insns
}

func load(size vm.OpCode, dst, base vm.Register, off int16) vm.Instruction {
	return vm.Instruction{OpCode: vm.LDX | vm.MEM | size, Dst: dst, Src: base, Off: off}
}

func store(size vm.OpCode, base, src vm.Register, off int16) vm.Instruction {
	return vm.Instruction{OpCode: vm.STX | vm.MEM | size, Dst: base, Src: src, Off: off}
}

func storeImm(size vm.OpCode, base vm.Register, off int16, imm int64) vm.Instruction {
	return vm.Instruction{OpCode: vm.ST | vm.MEM | size, Dst: base, Off: off, Imm: imm}
}

func move(dst, src vm.Register) vm.Instruction {
	return vm.Instruction{OpCode: vm.ALU64 | vm.MOV | vm.X, Dst: dst, Src: src}
}

func alu64Imm(op vm.OpCode, dst vm.Register, imm int64) vm.Instruction {
	return vm.Instruction{OpCode: vm.ALU64 | op, Dst: dst, Imm: imm}
}

func loadConstant(dst vm.Register, value uint64) vm.Instruction {
	return vm.Instruction{OpCode: vm.LDDW, Dst: dst, Imm: int64(value)}
}

package vm

import (
	"encoding/binary"
	"fmt"
	"math"
)

// SlotSize is the size of a slot in bytes.
const SlotSize = 8

// Register is one of R0 to R10.
type Register uint8

// Registers by their role in a call.
const (
	R0 Register = iota // result; clobbered by a call
	R1                 // first argument; R1 to R5 are clobbered by a call
	R2
	R3
	R4
	R5
	R6 // R6 to R9 survive a call
	R7
	R8
	R9
	R10 // frame pointer, read only: the stack lies below it

	RFP = R10
)

// NumRegisters counts R0 to R10.
const NumRegisters = 11

func (r Register) String() string { return fmt.Sprintf("r%d", uint8(r)) }

// Instruction is one decoded instruction. In bytes it is a slot of eight,
// little-endian, or two of them for LDDW (RFC 9669, section 3.1):
//
//	| opcode 8 | dst 4 | src 4 | off 16 | imm 32 |
//
// Imm is the sign-extended immediate; of LDDW it is the whole 64-bit constant.
//
// Branches and calls count slots, not instructions, from the slot after the
// branch (RFC 9669, section 4.3). Program.Target turns them into an index.
type Instruction struct {
	OpCode OpCode
	Dst    Register
	Src    Register
	Off    int16
	Imm    int64
}

// Slots is the number of slots the instruction takes: 2 for LDDW, else 1.
func (in Instruction) Slots() int {
	if in.OpCode == LDDW {
		return 2
	}
	return 1
}

// IsLocalCall reports a call of a function of the same program.
func (in Instruction) IsLocalCall() bool {
	return in.OpCode == JMP|CALL && in.Src == PseudoCall
}

// IsHelperCall reports a call of the helper with the number Imm.
func (in Instruction) IsHelperCall() bool {
	return in.OpCode == JMP|CALL && in.Src == 0
}

// IsFuncRef reports an LDDW that loads the address of a function for callx or
// a helper that calls back.
func (in Instruction) IsFuncRef() bool {
	return in.OpCode == LDDW && in.Src == PseudoFunc
}

// IsMapRef reports an LDDW that loads a map or the address of a map's value.
func (in Instruction) IsMapRef() bool {
	return in.OpCode == LDDW && (in.Src == PseudoMapFD || in.Src == PseudoMapValue)
}

// IsCast reports a cast between address spaces.
func (in Instruction) IsCast() bool {
	return in.OpCode == ALU64|MOV|X && in.Off == AddrSpaceCast
}

// IsBranch reports a jump inside the function, conditional or not.
func (in Instruction) IsBranch() bool {
	op := in.OpCode
	return op.IsJump() && op.Op() != CALL && op.Op() != EXIT
}

// IsAlways reports an unconditional jump: goto or gotol.
func (in Instruction) IsAlways() bool {
	return in.OpCode == JMP|JA || in.OpCode == JA32
}

// IsExit reports the return from a function.
func (in Instruction) IsExit() bool { return in.OpCode == JMP|EXIT }

// Distance is how many slots after the next instruction a branch, local call
// or function reference leads. ok is false for every other instruction.
func (in Instruction) Distance() (slots int64, ok bool) {
	switch {
	case in.OpCode == JA32, in.IsLocalCall():
		return in.Imm, true
	case in.IsFuncRef():
		// Counted as in a call, from the slot after the first of the two.
		return int64(int32(in.Imm)), true
	case in.IsBranch():
		return int64(in.Off), true
	}
	return 0, false
}

// Decode reads a whole program. It fails where a program cannot be cut into
// instructions; Validate judges what they are. The error is an *Error.
func Decode(code []byte) ([]Instruction, error) {
	if len(code)%SlotSize != 0 {
		return nil, &Error{Slot: len(code) / SlotSize, Reason: fmt.Sprintf("%d bytes are not a whole number of %d-byte slots", len(code), SlotSize)}
	}
	insns := make([]Instruction, 0, len(code)/SlotSize)
	for at := 0; at < len(code); {
		in, err := decodeOne(code[at:], at/SlotSize)
		if err != nil {
			return nil, err
		}
		insns = append(insns, in)
		at += in.Slots() * SlotSize
	}
	return insns, nil
}

// decodeOne reads the instruction at the start of code, whose length is a
// positive multiple of SlotSize.
func decodeOne(code []byte, slot int) (Instruction, error) {
	in := decodeSlot(code)
	if in.OpCode != LDDW {
		return in, nil
	}
	if len(code) < 2*SlotSize {
		return in, &Error{Slot: slot, Insn: in, Reason: "incomplete LDDW: the program ends before its second slot"}
	}
	second := decodeSlot(code[SlotSize:])
	high := second.Imm
	second.Imm = 0
	if second != (Instruction{}) {
		return in, &Error{Slot: slot + 1, Insn: in, Reason: "second slot of LDDW: opcode, registers and offset must be zero"}
	}
	in.Imm = high<<32 | int64(uint32(in.Imm))
	return in, nil
}

func decodeSlot(b []byte) Instruction {
	return Instruction{
		OpCode: OpCode(b[0]),
		Dst:    Register(b[1] & 0xf),
		Src:    Register(b[1] >> 4),
		Off:    int16(binary.LittleEndian.Uint16(b[2:])),
		Imm:    int64(int32(binary.LittleEndian.Uint32(b[4:]))),
	}
}

// Encode is the inverse of Decode. It fails on an instruction that has no
// encoding: a register above 15, or an Imm that is no int32 outside LDDW.
func Encode(insns []Instruction) ([]byte, error) {
	code := make([]byte, 0, len(insns)*SlotSize)
	for _, in := range insns {
		slot := len(code) / SlotSize
		if in.Dst > 15 || in.Src > 15 {
			return nil, &Error{Slot: slot, Insn: in, Reason: "register does not fit into four bits"}
		}
		if in.OpCode != LDDW && int64(int32(in.Imm)) != in.Imm {
			return nil, &Error{Slot: slot, Insn: in, Reason: fmt.Sprintf("immediate %d does not fit into 32 bits", in.Imm)}
		}
		code = appendSlot(code, in)
		if in.OpCode == LDDW {
			code = appendSlot(code, Instruction{Imm: in.Imm >> 32})
		}
	}
	return code, nil
}

func appendSlot(code []byte, in Instruction) []byte {
	code = append(code, byte(in.OpCode), byte(in.Dst)|byte(in.Src)<<4)
	code = binary.LittleEndian.AppendUint16(code, uint16(in.Off))
	return binary.LittleEndian.AppendUint32(code, uint32(in.Imm&math.MaxUint32))
}

package vm

import "fmt"

// form says which fields an opcode uses. A field it does not use must be zero:
// that is how new meanings stay possible (RFC 9669, section 3).
type form struct {
	dst, src, off, imm bool
	writes             bool                     // Dst is written
	check              func(Instruction) string // anything else; returns a reason
}

// checkInstruction returns why the instruction is refused, or "".
func checkInstruction(in Instruction, opts Options) string {
	for _, check := range []func(Instruction) string{refusedByName, checkEncoding, checkMeaning} {
		if reason := check(in); reason != "" {
			return reason
		}
	}
	if opts.Strict {
		if reason := checkStrict(in); reason != "" {
			return reason
		}
	}
	return checkReference(in, opts)
}

// checkEncoding asks whether the fields make up an instruction at all.
func checkEncoding(in Instruction) string {
	f, ok := formOf(in.OpCode)
	if !ok {
		return fmt.Sprintf("unknown opcode %#02x", uint8(in.OpCode))
	}
	if reason := f.checkFields(in); reason != "" || f.check == nil {
		return reason
	}
	return f.check(in)
}

// checkMeaning refuses what no state of the machine gives a meaning.
func checkMeaning(in Instruction) string {
	f, _ := formOf(in.OpCode)
	fetches := in.OpCode.Class() == STX && in.OpCode.Mode() == ATOMIC
	switch {
	case f.writes && in.Dst == R10,
		fetches && in.Imm == LOAD_ACQ && in.Dst == R10,
		fetches && in.Imm&FETCH != 0 && in.Imm != CMPXCHG && in.Src == R10:
		return "r10, the frame pointer, is read only"
	}
	return ""
}

// checkStrict refuses what engines define and the kernel refuses.
func checkStrict(in Instruction) string {
	if !in.OpCode.IsALU() || in.OpCode.Source() == X {
		return ""
	}
	bits := int64(32)
	if in.OpCode.Is64() {
		bits = 64
	}
	switch in.OpCode.Op() {
	case DIV, MOD:
		if in.Imm == 0 {
			return "division by zero"
		}
	case LSH, RSH, ARSH:
		if in.Imm < 0 || in.Imm >= bits {
			return fmt.Sprintf("shift by %d of a %d-bit value", in.Imm, bits)
		}
	}
	return ""
}

// refusedByName knows what exists elsewhere and is not run here.
func refusedByName(in Instruction) string {
	op := in.OpCode
	switch {
	case op.Class() == LD && (op.Mode() == ABS || op.Mode() == IND):
		return "LD_ABS and LD_IND (classic BPF packet access) are not supported"
	case op == JMP|JA|X:
		return "gotox (indirect jump) is not supported"
	case op == JMP|CALL && in.Src == PseudoKfunc:
		return "kfunc calls are not supported"
	case op == LDDW && in.Src == PseudoBTFID:
		return "LDDW of a BTF id (a kernel symbol) is not supported"
	case op == LDDW && (in.Src == PseudoMapIdx || in.Src == PseudoMapIdxV):
		return "LDDW of a map by index into an fd array is not supported"
	}
	return ""
}

func (f form) checkFields(in Instruction) string {
	switch {
	case in.Dst > R10:
		return fmt.Sprintf("invalid destination register r%d", in.Dst)
	case in.Src > R10:
		return fmt.Sprintf("invalid source register r%d", in.Src)
	case !f.dst && in.Dst != 0:
		return fmt.Sprintf("unused destination register is r%d, not zero", in.Dst)
	case !f.src && in.Src != 0:
		return fmt.Sprintf("unused source register is r%d, not zero", in.Src)
	case !f.off && in.Off != 0:
		return fmt.Sprintf("unused offset is %d, not zero", in.Off)
	case !f.imm && in.Imm != 0:
		return fmt.Sprintf("unused immediate is %d, not zero", in.Imm)
	case in.OpCode != LDDW && int64(int32(in.Imm)) != in.Imm:
		return fmt.Sprintf("immediate %d does not fit into 32 bits", in.Imm)
	}
	return ""
}

func formOf(op OpCode) (form, bool) {
	switch op.Class() {
	case ALU, ALU64:
		return aluForm(op)
	case JMP, JMP32:
		return jumpForm(op)
	}
	return memoryForm(op)
}

func aluForm(op OpCode) (form, bool) {
	f := form{dst: true, writes: true, src: op.Source() == X, imm: op.Source() == K}
	switch op.Op() {
	case ADD, SUB, MUL, OR, AND, LSH, RSH, XOR, ARSH:
	case DIV, MOD:
		f.off, f.check = true, checkDivision
	case MOV:
		f.off, f.imm, f.check = true, true, checkMove
	case NEG:
		f.imm = false
		return f, op.Source() == K
	case END:
		f.src, f.imm, f.check = false, true, checkByteSwap
		return f, op != BSWAP|ToBE
	default:
		return form{}, false
	}
	return f, true
}

func checkDivision(in Instruction) string {
	if in.Off != 0 && in.Off != 1 {
		return fmt.Sprintf("offset of a division is 0 or 1 (signed), not %d", in.Off)
	}
	return ""
}

func checkMove(in Instruction) string {
	switch {
	case in.OpCode == ALU64|MOV|X && in.Off == AddrSpaceCast:
		if in.Imm != ToKernel && in.Imm != ToUser {
			return fmt.Sprintf("addr_space_cast is between address spaces 0 and 1, not from %d to %d", uint16(in.Imm), uint32(in.Imm)>>16)
		}
	case in.OpCode.Source() == X && in.Imm != 0:
		return fmt.Sprintf("unused immediate is %d, not zero", in.Imm)
	case in.Off == 0:
	case in.OpCode.Source() == K:
		return fmt.Sprintf("unused offset is %d, not zero", in.Off)
	case in.Off == 8 || in.Off == 16:
	case in.Off == 32 && in.OpCode.Class() == ALU64:
	default:
		return fmt.Sprintf("a move cannot sign-extend from %d bits", in.Off)
	}
	return ""
}

func checkByteSwap(in Instruction) string {
	if in.Imm != 16 && in.Imm != 32 && in.Imm != 64 {
		return fmt.Sprintf("a byte swap is of 16, 32 or 64 bits, not %d", in.Imm)
	}
	return ""
}

func jumpForm(op OpCode) (form, bool) {
	switch op {
	case JMP | JA, MayGoto:
		return form{off: true}, true
	case JA32:
		return form{imm: true}, true
	case JMP | EXIT:
		return form{}, true
	case CALLX:
		return form{dst: true}, true
	case JMP | CALL:
		return form{src: true, imm: true, check: checkCall}, true
	}
	switch op.Op() {
	case JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE:
		return form{dst: true, off: true, src: op.Source() == X, imm: op.Source() == K}, true
	}
	return form{}, false
}

func checkCall(in Instruction) string {
	if in.Src > PseudoKfunc {
		return fmt.Sprintf("a call is of a helper (0) or a local function (1), not of kind %d", in.Src)
	}
	return ""
}

func memoryForm(op OpCode) (form, bool) {
	switch {
	case op == LDDW:
		return form{dst: true, src: true, imm: true, writes: true, check: checkLDDW}, true
	case op.Class() == LDX && op.Mode() == MEM, op.Class() == LDX && op.Mode() == MEMSX && op.Size() != DW:
		return form{dst: true, src: true, off: true, writes: true}, true
	case op.Class() == ST && op.Mode() == MEM:
		return form{dst: true, off: true, imm: true}, true
	case op.Class() == STX && op.Mode() == MEM:
		return form{dst: true, src: true, off: true}, true
	case op.Class() == STX && op.Mode() == ATOMIC:
		return form{dst: true, src: true, off: true, imm: true, check: checkAtomic}, true
	}
	return form{}, false
}

func checkLDDW(in Instruction) string {
	if in.Src > PseudoFunc || in.Src == PseudoBTFID {
		return fmt.Sprintf("invalid source %d of LDDW", in.Src)
	}
	if (in.Src == PseudoMapFD || in.Src == PseudoFunc) && in.Imm>>32 != 0 {
		return fmt.Sprintf("unused second immediate is %d, not zero", in.Imm>>32)
	}
	return ""
}

func checkAtomic(in Instruction) string {
	wide := in.OpCode.Size() == W || in.OpCode.Size() == DW
	switch in.Imm {
	case LOAD_ACQ, STORE_REL:
		return ""
	case AtomicADD, AtomicOR, AtomicAND, AtomicXOR, XCHG, CMPXCHG,
		AtomicADD | FETCH, AtomicOR | FETCH, AtomicAND | FETCH, AtomicXOR | FETCH:
		if !wide {
			return "an atomic operation is of 4 or 8 bytes"
		}
		return ""
	}
	return fmt.Sprintf("unknown atomic operation %#x", in.Imm)
}

// checkReference compares with what the program may refer to.
func checkReference(in Instruction, opts Options) string {
	switch {
	case in.IsMapRef() && (int32(in.Imm) < 0 || int(int32(in.Imm)) >= opts.Maps):
		return fmt.Sprintf("map %d of %d", int32(in.Imm), opts.Maps)
	case in.IsHelperCall() && opts.Helper != nil && !opts.Helper(int32(in.Imm)):
		return fmt.Sprintf("helper %d is not known here", in.Imm)
	}
	return ""
}

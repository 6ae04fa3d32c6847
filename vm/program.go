package vm

// Limits of the kernel.
const (
	FrameSize    = 512     // bytes of stack of each function's frame, below R10
	MaxDepth     = 8       // frames that may be live at once, the main one included
	MaxTailCalls = 33      // tail calls in one run
	MaxLoops     = 1 << 23 // times that the may_gotos of a function fall through (BPF_MAX_LOOPS)
	MaxSlots     = 1000000 // slots in a program (BPF_COMPLEXITY_LIMIT_INSNS)
)

// TailCall is the number of bpf_tail_call, the one helper that engines
// implement themselves: R2 is the program array, R3 the index, of which the low
// 32 bits count; on failure it falls through.
const TailCall = 12

// Program is a well-formed program; only Validate makes one. Instructions are
// numbered from 0 by index; a slot number is the position in bytes / 8.
type Program struct {
	insns   []Instruction
	slots   []int32 // index -> slot, and one more: the number of slots
	index   []int32 // slot -> index, or -1 for the second half of an LDDW
	targets []int32 // index -> index of the target, or -1
	funcs   []Function
	funcOf  []int32 // index -> index into funcs
	helpers []int32
	maps    int
	depth   int
	dynamic bool
}

// Function is one function of a program: the main one or a target of calls.
type Function struct {
	Start, End int   // indexes of its first instruction and of the one after its last
	Calls      []int // functions it calls by name, sorted, each once
	Depth      int   // frames live at once when it is called, itself included, callx aside
	Referenced bool  // its address is taken by an LDDW: callx or a helper may call it
	CallX      bool  // it calls through a register
	TailCall   bool  // it calls bpf_tail_call
}

// Instructions returns all instructions; an LDDW is one of them.
func (p *Program) Instructions() []Instruction { return p.insns }

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.insns) }

// NumSlots is the length of the encoded program in slots of eight bytes.
func (p *Program) NumSlots() int { return int(p.slots[len(p.insns)]) }

// Slot returns the slot of the instruction at index i.
func (p *Program) Slot(i int) int { return int(p.slots[i]) }

// Index returns the index of the instruction that begins at the slot; ok is
// false for the second half of an LDDW and outside the program.
func (p *Program) Index(slot int) (i int, ok bool) {
	if slot < 0 || slot >= len(p.index) || p.index[slot] < 0 {
		return 0, false
	}
	return int(p.index[slot]), true
}

// Target returns the index of the instruction that the branch, local call or
// function reference at index i leads to, and -1 for any other instruction.
func (p *Program) Target(i int) int { return int(p.targets[i]) }

// Functions returns the functions in the order of their addresses; the first
// is the main one.
func (p *Program) Functions() []Function { return p.funcs }

// FunctionOf returns the number of the function that the instruction at index
// i belongs to. For the target of a local call it is the function called.
func (p *Program) FunctionOf(i int) int { return int(p.funcOf[i]) }

// Helpers returns the numbers of the helpers called, sorted, each once.
func (p *Program) Helpers() []int32 { return p.helpers }

// Maps is the number of maps the program may refer to: every map reference has
// an index below it.
func (p *Program) Maps() int { return p.maps }

// Depth is the largest number of frames live at once through calls by name.
// When Dynamic is true the engine has to count as it runs.
func (p *Program) Depth() int { return p.depth }

// Dynamic reports whether the program calls through registers.
func (p *Program) Dynamic() bool { return p.dynamic }

// Bytes returns the encoded program.
func (p *Program) Bytes() []byte {
	code, err := Encode(p.insns)
	if err != nil {
		panic(err) // Validate has seen that every field fits
	}
	return code
}

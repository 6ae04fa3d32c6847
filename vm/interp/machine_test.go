package interp_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
)

func machine(t *testing.T, text string, opts interp.Options) *interp.Machine {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: max(len(opts.Maps), len(opts.MapValues))})
	if err != nil {
		t.Fatal(err)
	}
	m, err := interp.New(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every fault says where it happened and what stood there.
func TestFaults(t *testing.T) {
	fail := errors.New("the helper does not like this")
	helpers := new(helper.Registry).
		Register(1, func(helper.Memory, uint64, uint64, uint64, uint64, uint64) (uint64, error) { return 0, fail }).
		Register(2, func(m helper.Memory, addr, _, _, _, _ uint64) (uint64, error) {
			return 0, m.Write(addr, make([]byte, 4))
		})
	for _, c := range []struct {
		name, text, want string
		is               error
	}{
		{"behind the context", "r0 = *(u8 *)(r1 + 16); exit",
			"insn 0: r0 = *(u8 *)(r1 + 16): invalid memory access: read of 1 bytes at 0x4000000000000010: byte 16 of the context, which has 16", interp.ErrMemory},
		{"across its end", "r0 = *(u64 *)(r1 + 9); exit",
			"insn 0: r0 = *(u64 *)(r1 + 9): invalid memory access: read of 8 bytes at 0x4000000000000009: byte 9 of the context, which has 16", interp.ErrMemory},
		{"before it", "r0 = *(u64 *)(r1 - 1); exit",
			"insn 0: r0 = *(u64 *)(r1 - 1): invalid memory access: read of 8 bytes at 0x3fffffffffffffff: 1 bytes before the context", interp.ErrMemory},
		{"null", "r2 = 0; *(u32 *)(r2 + 0) = 1; exit",
			"insn 1: *(u32 *)(r2 + 0) = 1: invalid memory access: write of 4 bytes at 0x0: outside of every region", interp.ErrMemory},
		{"top of memory", "r2 = -1; r0 = *(u64 *)(r2 + 0); exit",
			"insn 1: r0 = *(u64 *)(r2 + 0): invalid memory access: read of 8 bytes at 0xffffffffffffffff: outside of every region", interp.ErrMemory},
		{"read only", "r2 = 0x1000 ll; r0 = *(u8 *)(r2 + 3); *(u8 *)(r2 + 3) = r0; exit",
			"insn 3: *(u8 *)(r2 + 3) = r0: invalid memory access: write of 1 bytes at 0x1003: constants is read only", interp.ErrMemory},
		{"atomic on read only", "r2 = 0x1000 ll; r0 = 0; lock *(u32 *)(r2 + 0) += r0; exit",
			"insn 3: lock *(u32 *)(r2 + 0) += w0: invalid memory access: write of 4 bytes at 0x1000: constants is read only", interp.ErrMemory},
		{"below the frame", "r0 = 0; *(u8 *)(r10 - 513) = r0; exit",
			"insn 1: *(u8 *)(r10 - 513) = r0: invalid memory access: write of 1 bytes at 0x40000000ffffffff: 1 bytes before the stack of frame 0", interp.ErrMemory},
		{"above the frame", "r0 = *(u8 *)(r10 + 0); exit",
			"insn 0: r0 = *(u8 *)(r10 + 0): invalid memory access: read of 1 bytes at 0x4000000100000200: byte 512 of the stack of frame 0, which has 512", interp.ErrMemory},
		{"dead frame", "call f; r0 = *(u8 *)(r0 - 1); exit\nf: r0 = r10; exit",
			"insn 1: r0 = *(u8 *)(r0 - 1): invalid memory access: read of 1 bytes at 0x40000002000001ff: the stack of frame 1 is gone or empty", interp.ErrMemory},
		{"endless", "r0 = 0\nagain: r0 += 1; goto again",
			"insn 2: goto -2: instruction budget used up", interp.ErrBudget},
		{"endless recursion", "r6 = subprog[f]; callx r6; exit\nf: r6 = subprog[f]; callx r6; exit",
			"insn 6: callx r6: call stack too deep: 8 frames are the limit", interp.ErrDepth},
		{"callx to nowhere", "r2 = 77; callx r2; exit",
			"insn 1: callx r2: invalid call: 0x4d is no function of this program and no registered helper", interp.ErrCall},
		{"callx into a function", "r2 = subprog[f]; r2 += 1; callx r2; exit\nf: r0 = 0; exit",
			"insn 3: callx r2: invalid call: 0x2000000000000005 is no function of this program and no registered helper", interp.ErrCall},
		{"helper", "call 1; exit", "insn 0: call 1: the helper does not like this", fail},
		{"helper's memory", "r1 = r10; call 2; exit",
			"insn 1: call 2: invalid memory access: write of 4 bytes at 0x4000000100000200: byte 512 of the stack of frame 0, which has 512", interp.ErrMemory},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machine(t, c.text, interp.Options{Helpers: helpers, Budget: 1000})
			if err := m.Memory().MapAt(0x1000, "constants", make([]byte, 16), interp.ReadOnly); err != nil {
				t.Fatal(err)
			}
			_, err := m.Run(make([]byte, 16))
			if !errors.Is(err, c.is) || err.Error() != c.want {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
			var fault *interp.Fault
			if !errors.As(err, &fault) || fault.Insn != fault.Program.Instructions()[must(fault.Program.Index(fault.Slot))] {
				t.Errorf("no fault with its instruction: %+v", fault)
			}
		})
	}
}

func must(i int, _ bool) int { return i }

func TestBudget(t *testing.T) {
	const text = "r2 = 10\nagain: r2 += -1; if r2 != 0 goto again; r0 = 0x5 ll; exit" // 1 + 2*10 + 2
	for _, c := range []struct {
		budget uint64
		ok     bool
	}{{0, true}, {23, true}, {22, false}, {1, false}, {math.MaxUint64, true}} {
		m := machine(t, text, interp.Options{Budget: c.budget})
		r0, err := m.Run(nil)
		if c.ok && (err != nil || r0 != 5 || m.Executed() != 23) {
			t.Errorf("budget %d: %d, %v after %d instructions", c.budget, r0, err, m.Executed())
		}
		if !c.ok && (!errors.Is(err, interp.ErrBudget) || m.Executed() != c.budget) {
			t.Errorf("budget %d: %v after %d instructions", c.budget, err, m.Executed())
		}
	}
}

// A run that ends in a fault leaves nothing behind.
func TestMachineIsReused(t *testing.T) {
	m := machine(t, `
		r0 = *(u64 *)(r10 - 8)
		r0 += r6
		r6 = *(u64 *)(r1 + 0)
		*(u64 *)(r10 - 8) = r6
		call f
		exit
	f:	r3 = *(u64 *)(r10 - 512)
		r0 += r3
		*(u64 *)(r10 - 512) = 7
		if r6 == 0 goto bad
		exit
	bad:	r0 = *(u64 *)(r6 + 0)
		exit`, interp.Options{})
	for i, value := range []byte{1, 0, 1, 2} {
		r0, err := m.Run([]byte{value, 0, 0, 0, 0, 0, 0, 0})
		if (err != nil) != (value == 0) || err == nil && r0 != 0 {
			t.Errorf("run %d: r0 = %d, %v", i, r0, err)
		}
	}
}

func TestCallArguments(t *testing.T) {
	m := machine(t, "r0 = r1; r0 += r2; r0 += r3; r0 += r4; r0 += r5; exit", interp.Options{})
	if r0, err := m.Call(1, 2, 3, 4, 5); r0 != 15 || err != nil {
		t.Errorf("%d, %v", r0, err)
	}
	if r0, err := m.Call(1); r0 != 1 || err != nil {
		t.Errorf("registers of the run before are seen: %d, %v", r0, err)
	}
	if _, err := m.Call(1, 2, 3, 4, 5, 6); err == nil {
		t.Error("six arguments are taken")
	}
}

func TestNewRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"call 5; exit":                             "interp: the program calls bpf_ktime_get_ns#5, which is not registered",
		"call 4711; exit":                          "interp: the program calls helper 4711, which is not registered",
		"r1 = map[0]; exit":                        "interp: insn 0: r1 = map[0]: the machine has no such map",
		"r1 = map[1][0]+4; exit":                   "interp: insn 0: r1 = map[1][0]+4: the machine has no such map",
		"call 12; r0 = 0; exit":                    "",
		"r1 = subprog[f]; r0 = 0; exit\nf: r0 = 1": "",
		"r0 = 0; call pc+1; exit":                  "",
	} {
		p, err := vm.Validate(vm.MustAssemble(text+"; r0 = 0; exit"), vm.Options{Maps: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, err = interp.New(p, interp.Options{Helpers: new(helper.Registry).RegisterAddr(5, 1)})
		if got := errorText(err); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	p, err := vm.Validate(vm.MustAssemble("call pc+1; exit; exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := interp.New(p, interp.Options{MaxDepth: 1}); errorText(err) != "interp: the program needs 2 frames, of 1" {
		t.Errorf("two frames where one is the limit: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestMaps(t *testing.T) {
	value := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	m := machine(t, `
		r6 = map[1][0]+4
		r1 = map[0]
		call 1
		r2 = *(u8 *)(r6 + 0)
		r0 += r2
		*(u8 *)(r6 + 1) = 99
		exit`, interp.Options{
		Helpers:   new(helper.Registry).Register(1, helper.Pure(func(handle, _, _, _, _ uint64) uint64 { return handle })),
		Maps:      []uint64{1000, 0},
		MapValues: []uint64{0, 0x7000},
	})
	if err := m.Memory().MapAt(0x7000, "value", value, interp.ReadWrite); err != nil {
		t.Fatal(err)
	}
	if r0, err := m.Run(nil); r0 != 1005 || err != nil || value[5] != 99 {
		t.Errorf("r0 = %d, %v, value %v", r0, err, value)
	}
}

// A tail call to a program that the machine cannot run is a fault, not a
// failed call.
func TestTailCallOfBadProgram(t *testing.T) {
	bad, err := vm.Validate(vm.MustAssemble("call 9999; exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := machine(t, "call 12; r0 = 3; exit", interp.Options{TailCall: func(uint64, uint32) *vm.Program { return bad }})
	_, err = m.Run(nil)
	if !errors.Is(err, interp.ErrCall) || !strings.Contains(err.Error(), "helper 9999, which is not registered") {
		t.Errorf("%v", err)
	}
}

// A fault behind a tail call names the program that runs then.
func TestFaultAfterTailCall(t *testing.T) {
	second, err := vm.Validate(vm.MustAssemble("r2 = 0x0 ll; r0 = *(u64 *)(r2 + 0); exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := machine(t, "call 12; r0 = 3; exit", interp.Options{TailCall: func(uint64, uint32) *vm.Program { return second }})
	_, err = m.Run(nil)
	var fault *interp.Fault
	if !errors.As(err, &fault) || fault.Program != second || fault.Slot != 2 {
		t.Errorf("%+v", fault)
	}
}

// TestLoop: bpf_loop calls a function of the program, which has a frame of its own and the caller's memory.
func TestLoop(t *testing.T) {
	const program = `
		r6 = r1
		r7 = 7
		*(u64 *)(r10 - 8) = 0
		r1 = *(u64 *)(r6 + 0)
		r2 = subprog[f]
		r3 = r10
		r3 += -8
		r4 = *(u64 *)(r6 + 8)
		call 181
		r1 = *(u64 *)(r10 - 8)
		*(u64 *)(r6 + 0) = r1
		r7 += r0
		r0 = r7
		exit
	f:
		r6 = 100
		r7 = r1
		*(u64 *)(r10 - 8) = r1
		r1 = *(u64 *)(r2 + 0)
		r1 += r7
		*(u64 *)(r2 + 0) = r1
		r0 = 0
		if r7 < 9 goto end
		r0 = 1
	end:
		exit`
	m := machine(t, program, interp.Options{Helpers: new(helper.Registry).Register(181, helper.Loop)})
	for _, c := range []struct{ n, flags, r0, sum uint64 }{
		{0, 0, 0, 0}, {5, 0, 5, 10}, {9, 0, 9, 36}, {100, 0, 10, 45}, {1<<23 + 1, 0, math.MaxUint64 - 6, 0},
		{1<<32 + 2, 0, 2, 1}, {3, 1, math.MaxUint64 - 21, 0}, {1 << 30, 1, math.MaxUint64 - 21, 0},
	} {
		ctx := make([]byte, 16)
		binary.LittleEndian.PutUint64(ctx, c.n)
		binary.LittleEndian.PutUint64(ctx[8:], c.flags)
		r0, err := m.Run(ctx)
		if sum := binary.LittleEndian.Uint64(ctx); err != nil || r0 != c.r0+7 || sum != c.sum {
			t.Errorf("bpf_loop(%d, flags %d) = %d, sum %d, %v; want %d, %d", c.n, c.flags, r0-7, sum, err, c.r0, c.sum)
		}
	}
}

// TestLoopFaults: what goes wrong in a function that is called back is told of its instruction, and the machine works on.
func TestLoopFaults(t *testing.T) {
	helpers := new(helper.Registry).Register(181, helper.Loop)
	for _, c := range []struct {
		text string
		want error
		slot int
	}{
		{"r1 = 3; r2 = subprog[f]; r4 = 0; call 181; exit\nf: r0 = *(u8 *)(r1 + 0); exit", interp.ErrMemory, 6},
		{"r1 = 3; r2 = 77; r4 = 0; call 181; exit", interp.ErrCall, 3},
		{"r1 = 100; r2 = subprog[f]; r4 = 0; call 181; exit\nf: r0 = 0; exit", interp.ErrBudget, 6},
		{"f: r1 = 2; r2 = subprog[f]; r4 = 0; call 181; exit", interp.ErrDepth, 4},
	} {
		m := machine(t, c.text, interp.Options{Helpers: helpers, Budget: 100})
		for range 2 {
			_, err := m.Run(nil)
			var fault *interp.Fault
			if !errors.As(err, &fault) || !errors.Is(err, c.want) || fault.Slot != c.slot {
				t.Errorf("%s: %v, want %v at %d", c.text, err, c.want, c.slot)
			}
		}
	}
}

//go:build linux && amd64

package exec_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// load assembles and maps a program that is closed when the test ends.
func load(t testing.TB, text string, opts exec.Options) *exec.Program {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 4})
	if err != nil {
		t.Fatal(err)
	}
	x, err := exec.New(unverified.Program(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func wantResult(t testing.TB, p *exec.Program, want uint64, args ...uint64) {
	t.Helper()
	if got, err := p.Call(args...); err != nil || got != want {
		t.Errorf("r0 = %#x, error %v; want %#x", got, err, want)
	}
}

// weigh mixes its arguments so that each counts in its place.
func weigh(a, b, c, d, e uint64) uint64 { return a + 10*b + 100*c + 1000*d + 10000*e }

func TestCallPassesFiveArguments(t *testing.T) {
	p := load(t, `
		r0 = r5
		r0 *= 10
		r0 += r4
		r0 *= 10
		r0 += r3
		r0 *= 10
		r0 += r2
		r0 *= 10
		r0 += r1
		exit`, exec.Options{})
	wantResult(t, p, 54321, 1, 2, 3, 4, 5)
	wantResult(t, p, 21, 1, 2)
	if _, err := p.Call(1, 2, 3, 4, 5, 6); err == nil {
		t.Error("six arguments are accepted")
	}
}

func TestRunGivesContextAndLength(t *testing.T) {
	p := load(t, "r0 = *(u32 *)(r1 + 4); *(u8 *)(r1 + 0) = 7; r0 += r2; exit", exec.Options{})
	ctx := []byte{1, 2, 3, 4, 5, 0, 0, 0}
	if got, err := p.Run(ctx); err != nil || got != 13 || ctx[0] != 7 {
		t.Errorf("r0 = %d, error %v, context %v; want 13 and a 7 at the start", got, err, ctx)
	}
	empty := load(t, "r0 = r1; r0 |= r2; exit", exec.Options{})
	if got, err := empty.Run(nil); err != nil || got != 0 {
		t.Errorf("without a context r1|r2 = %#x, error %v", got, err)
	}
}

func TestGoHelperGetsArgumentsAndKeepsRegisters(t *testing.T) {
	reg := new(helper.Registry).Register(77, helper.Pure(weigh))
	p := load(t, `
		r6 = 100000
		r7 = 200000
		r8 = 300000
		r9 = 400000
		*(u64 *)(r10 - 8) = 500000
		r1 = 1
		r2 = 2
		r3 = 3
		r4 = 4
		r5 = 5
		call 77
		r0 += r6
		r0 += r7
		r0 += r8
		r0 += r9
		r1 = *(u64 *)(r10 - 8)
		r0 += r1
		exit`, exec.Options{Helpers: reg})
	wantResult(t, p, 1500000+54321)
}

// A native helper is called directly; here it is lea (%rdi,%rsi,2),%rax; ret.
func TestNativeHelper(t *testing.T) {
	addr := nativeCode(t, []byte{0x48, 0x8d, 0x04, 0x77, 0xc3})
	reg := new(helper.Registry).
		RegisterAddr(5, addr).
		Register(5, func(helper.Memory, uint64, uint64, uint64, uint64, uint64) (uint64, error) {
			return 0, errors.New("the Go function was called although there is machine code")
		})
	p := load(t, "r1 = 1000; r2 = 21; call 5; r0 += 1; exit", exec.Options{Helpers: reg})
	wantResult(t, p, 1043)
	for _, r := range p.Code().Relocs {
		if r.Kind != jit.RelocAbs64 {
			t.Errorf("a helper at an unknown distance is called by %+v", r)
		}
	}
}

func TestHelperErrorEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	reg := new(helper.Registry).Register(1, func(_ helper.Memory, n, _, _, _, _ uint64) (uint64, error) {
		calls++
		if n == 3 {
			return 0, broken
		}
		return 0, nil
	})
	p := load(t, "r6 = 0; r6 += 1; r1 = r6; call 1; goto -4", exec.Options{Helpers: reg})
	for range 3 {
		calls = 0
		if _, err := p.Call(); !errors.Is(err, broken) || calls != 3 {
			t.Errorf("error %v after %d calls, want %v after 3", err, calls, broken)
		}
	}
}

func TestHelperPanicReachesTheCaller(t *testing.T) {
	reg := new(helper.Registry).Register(1, func(_ helper.Memory, n, _, _, _, _ uint64) (uint64, error) {
		if n == 0 {
			panic("helper")
		}
		return n, nil
	})
	p := load(t, "call 1; exit", exec.Options{Helpers: reg})
	for range 3 {
		func() {
			defer func() {
				if r := recover(); r != "helper" {
					t.Errorf("recovered %v, want the helper's panic", r)
				}
			}()
			p.Call(0)
		}()
		wantResult(t, p, 9, 9)
	}
}

// deep makes the goroutine's stack grow, so that it moves.
func deep(n int) uint64 {
	var pad [512]byte
	pad[n%512] = 1
	if n == 0 {
		return uint64(pad[0])
	}
	return deep(n-1) + uint64(pad[n%512]) - 1
}

// While a program waits in a helper, the goroutine's stack moves, collections
// run, and the goroutine changes its thread.
func TestHelperMayDoAnythingInGo(t *testing.T) {
	reg := new(helper.Registry).Register(1, func(_ helper.Memory, n, _, _, _, _ uint64) (uint64, error) {
		done := make(chan uint64)
		go func() {
			runtime.GC()
			done <- deep(1000)
		}()
		v := <-done + deep(100*int(n)) // on this goroutine too
		runtime.Gosched()
		return v, nil
	})
	p := load(t, `
		r6 = 0
		r7 = 0
	again:
		r6 += 1
		r1 = r6
		call 1
		r7 += r0
		if r6 != 20 goto again
		r0 = r7
		exit`, exec.Options{Helpers: reg})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { wantResult(t, p, 40) })
	}
	wg.Wait()
}

// A helper runs other programs, and its own again.
func TestHelperRunsPrograms(t *testing.T) {
	var self *exec.Program
	reg := new(helper.Registry).Register(1, func(_ helper.Memory, n, _, _, _, _ uint64) (uint64, error) {
		if n == 0 {
			return 0, nil
		}
		return self.Call(n - 1)
	})
	self = load(t, "r6 = r1; call 1; r0 += r6; exit", exec.Options{Helpers: reg})
	wantResult(t, self, 20*21/2, 20)
}

func TestHelperReadsAndWritesMemory(t *testing.T) {
	elsewhere := binary.LittleEndian.AppendUint64(nil, 0x1111)
	reg := new(helper.Registry).Register(1, func(m helper.Memory, addr, add, _, _, _ uint64) (uint64, error) {
		var b [8]byte
		if err := m.Read(addr, b[:]); err != nil {
			return 0, err
		}
		v := binary.LittleEndian.Uint64(b[:])
		binary.LittleEndian.PutUint64(b[:], v+add)
		return v, m.Write(addr, b[:])
	})
	p := load(t, `
		r6 = r1                      // the context
		r7 = *(u64 *)(r1 + 0)        // an address
		r2 = 1
		call 1                       // on the context: it holds the address + 1
		*(u64 *)(r10 - 16) = 5
		r1 = r10
		r1 += -16
		r2 = 2
		call 1                       // on the stack
		r1 = r7
		r2 = 3
		call 1                       // anywhere
		r1 = *(u64 *)(r10 - 16)
		r0 += r1
		exit`, exec.Options{Helpers: reg})
	addr := addressOf(elsewhere)
	ctx := binary.LittleEndian.AppendUint64(nil, addr)
	got, err := p.Run(ctx)
	if err != nil || got != 0x1111+7 {
		t.Errorf("r0 = %#x, error %v, want %#x", got, err, 0x1111+7)
	}
	if binary.LittleEndian.Uint64(ctx) != addr+1 || binary.LittleEndian.Uint64(elsewhere) != 0x1114 {
		t.Errorf("the helper left %x in the context and %x elsewhere", ctx, elsewhere)
	}
}

func TestHelperMemoryRefusesBadAddresses(t *testing.T) {
	reg := new(helper.Registry).Register(1, func(m helper.Memory, addr, write, _, _, _ uint64) (uint64, error) {
		if write != 0 {
			return 0, m.Write(addr, []byte{1})
		}
		return 0, m.Read(addr, make([]byte, 1))
	})
	p := load(t, "call 1; exit", exec.Options{Helpers: reg})
	for _, addr := range []uint64{0, 8, 0xffff800000000000, 0xffffffffffffffff} {
		for write := range uint64(2) {
			if _, err := p.Call(addr, write); err == nil || !strings.Contains(err.Error(), "bad address") {
				t.Errorf("access to %#x (write %d): error %v", addr, write, err)
			}
		}
	}
	text := addressOf(p.Code().Text)
	if _, err := p.Call(text, 0); err != nil {
		t.Errorf("the code as data cannot be read: %v", err)
	}
}

func TestNewRefusesWhatIsNotThere(t *testing.T) {
	for text, want := range map[string]string{
		"call 5; exit":                             "bpf_ktime_get_ns",
		"call 99999; exit":                         "helper 99999",
		"r1 = map[2]; r0 = 0; exit":                "map 2",
		"r1 = map[0][0] + 8; r0 = 0; exit":         "map value 0",
		"r1 = map[1][0] + 8; r0 = 0; exit":         "map value 1",
		"if r1 == 0 goto +1; call 7; r0 = 0; exit": "7",
	} {
		p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 4})
		if err != nil {
			t.Fatal(err)
		}
		opts := exec.Options{Maps: []uint64{1}, MapValues: []uint64{0}}
		if _, err := exec.New(unverified.Program(p), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
	if _, err := exec.New(nil, exec.Options{}); !errors.Is(err, jit.ErrNoProof) {
		t.Errorf("no program: error %v, want ErrNoProof", err)
	}
}

func TestMapsAndTheirValues(t *testing.T) {
	value := make([]byte, 16)
	p := load(t, `
		r6 = map[0][0] + 8
		r1 = *(u64 *)(r6 + 0)
		r1 += 1
		*(u64 *)(r6 + 0) = r1
		r0 = map[1]
		r0 += r1
		exit`, exec.Options{Maps: []uint64{1, 0x123456789abcdef0}, MapValues: []uint64{addressOf(value)}})
	wantResult(t, p, 0x123456789abcdef1)
	wantResult(t, p, 0x123456789abcdef2)
	if got := binary.LittleEndian.Uint64(value[8:]); got != 2 {
		t.Errorf("the map's value is %d, want 2", got)
	}
}

// Each tail-called program has helpers of its own under the same number.
func TestHelpersOfTailCalledPrograms(t *testing.T) {
	var second *exec.Program
	helperOf := func(v uint64) *helper.Registry {
		return new(helper.Registry).Register(1, helper.Pure(func(_, _, _, _, _ uint64) uint64 { return v }))
	}
	second = load(t, "r6 = *(u64 *)(r1 + 0); call 1; r0 += r6; exit", exec.Options{Helpers: helperOf(2000)})
	first := load(t, `
		r6 = r1
		call 1
		r1 = *(u64 *)(r6 + 0)
		r1 += r0
		*(u64 *)(r6 + 0) = r1
		r1 = r6
		r2 = map[0]
		r3 = 0
		call 12
		r0 = 0
		exit`, exec.Options{Helpers: helperOf(100), Maps: []uint64{1}, TailCall: func(array uint64, index uint32) *exec.Program {
		if array == 1 && index == 0 {
			return second
		}
		return nil
	}})
	ctx := binary.LittleEndian.AppendUint64(nil, 7)
	if got, err := first.Run(ctx); err != nil || got != 2107 {
		t.Errorf("r0 = %d, error %v, want 2107", got, err)
	}
}

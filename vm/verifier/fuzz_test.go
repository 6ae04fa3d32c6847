package verifier_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// Every program ends in a verdict.
func FuzzVerify(f *testing.F) {
	for _, text := range []string{
		"r0 = 0; exit", "r2 = r10; r2 += -8; *(u64 *)(r2 + 0) = r1; call 5; exit",
		"r6 = map[0][0]+8; r6 = addr_space_cast(r6, 0x0, 0x1); *(u64 *)(r10 - 8) = r6; r7 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r7 + 0); exit",
		"call f; exit\nf: r0 = 1; exit", "r1 = map[0][0]+8; r0 = *(u64 *)(r1 + 0); exit",
	} {
		code, err := vm.Encode(vm.MustAssemble(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		p, err := vm.Load(code, vm.Options{Maps: len(maps)})
		if err != nil {
			return
		}
		v, err := verifier.Verify(p, verifier.Options{Maps: maps, Context: 168})
		if (v == nil) == (err == nil) {
			t.Errorf("both or neither: %v, %v", v, err)
		}
		for _, others := range [][]verifier.Map{arenas[:len(maps)], kinds[:len(maps)]} {
			if v, err := verifier.Verify(p, verifier.Options{Maps: others, Context: 168}); (v == nil) == (err == nil) {
				t.Errorf("both or neither: %v, %v", v, err)
			}
		}
	})
}

// No program that is known to be good is refused for what it does with its
// stack. That r1 is a context is hidden, for these programs write there.
func TestGenerated(t *testing.T) {
	hidden, err := vm.Encode(vm.MustAssemble("r1 |= 0; exit")[:1])
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(2000) {
		made, err := gen.Generate(seed, gen.Options{}).Program()
		if err != nil {
			t.Fatal(err)
		}
		p, err := vm.Load(append(hidden[:8:8], made.Bytes()...), vm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(p, verifier.Options{}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

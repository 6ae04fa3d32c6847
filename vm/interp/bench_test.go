package interp_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// Each program runs about a thousand instructions; ns/insn is what counts.
var benchmarks = []struct{ name, text string }{
	{"alu", `
		r0 = 1
		r2 = 125
	again:	r0 *= 31
		r0 += r2
		r3 = r0
		r3 >>= 7
		r0 ^= r3
		r2 += -1
		if r2 != 0 goto again
		exit`},
	{"alu32", `
		w0 = 1
		w2 = 125
	again:	w0 *= 31
		w0 += w2
		w3 = w0
		w3 >>= 7
		w0 ^= w3
		w2 += -1
		if w2 != 0 goto again
		exit`},
	{"memory", `
		r0 = 0
		r2 = r1
		r2 += 1024
	again:	r3 = *(u64 *)(r1 + 0)
		r0 += r3
		*(u64 *)(r10 - 8) = r0
		r0 = *(u64 *)(r10 - 8)
		*(u8 *)(r1 + 0) = r0
		r1 += 8
		if r1 != r2 goto again
		exit`},
	{"atomic", `
		r0 = 0
		r2 = 250
	again:	lock *(u64 *)(r1 + 0) += r2
		r0 = atomic_fetch_or((u64 *)(r1 + 8), r0)
		r2 += -1
		if r2 != 0 goto again
		exit`},
	{"call", `
		r6 = 167
	again:	r1 = r6
		call f
		r6 += -1
		if r6 != 0 goto again
		exit
	f:	r0 = r1
		exit`},
	{"helper", `
		r6 = 250
	again:	r1 = r6
		call 7
		r6 += -1
		if r6 != 0 goto again
		exit`},
}

func BenchmarkInterpreter(b *testing.B) {
	helpers := new(helper.Registry).Register(7, helper.Pure(func(a, _, _, _, _ uint64) uint64 { return a }))
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			p, err := vm.Validate(vm.MustAssemble(bench.text), vm.Options{})
			if err != nil {
				b.Fatal(err)
			}
			m, err := interp.New(p, interp.Options{Helpers: helpers})
			if err != nil {
				b.Fatal(err)
			}
			mem := make([]byte, 1024)
			var executed uint64
			for b.Loop() {
				if _, err := m.Run(mem); err != nil {
					b.Fatal(err)
				}
				executed += m.Executed()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(executed), "ns/insn")
		})
	}
}

//go:build linux && amd64

package exec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

const (
	arenaPages = 3
	arenaStart = 1<<44 | 5<<12 // its low half is not 0
)

var arenaStarts = []uint64{1 << 44, arenaStart, 1<<44 | 0xf000_0000}

// arenaProof has a program verified with an arena as map 0, and an array as map 1.
func arenaProof(t testing.TB, text string, start uint64) *proof.Verified {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 2})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	v, err := verifier.Verify(p, verifier.Options{Context: 64, WriteContext: true, Maps: []verifier.Map{
		{Name: "arena", Type: 33, MaxEntries: arenaPages, Start: start}, {Name: "array", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1},
	}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// runArena runs a program in both engines; the arena lies between bytes that nobody may touch.
func runArena(t testing.TB, text string, start uint64, ctx []byte) (r0 uint64, after []byte) {
	t.Helper()
	r0, after, _ = runArenaWith(t, text, start, ctx)
	return r0, after
}

// runArenaWith tells what the program made of its context, too.
func runArenaWith(t testing.TB, text string, start uint64, ctx []byte) (r0 uint64, after, changed []byte) {
	t.Helper()
	v := arenaProof(t, text, start)
	results := make([]uint64, 2)
	memories, contexts := make([][]byte, 2), make([][]byte, 2)
	for engine := range results {
		around := bytes.Repeat([]byte{0x5a}, arenaPages*4096+128)
		data := around[64 : 64+arenaPages*4096]
		clear(data)
		contexts[engine] = bytes.Clone(ctx)
		value := make([]byte, 8)
		var err error
		if engine == 0 {
			var m *interp.Machine
			m, err = interp.New(v.Program(), interp.Options{Maps: []uint64{1, 2}, MapValues: []uint64{start, 0}, Arena: interp.Arena{Start: start, Data: data, Accesses: v.Arena().Accesses}})
			if err == nil {
				results[engine], err = m.Run(contexts[engine])
			}
		} else {
			var p *exec.Program
			p, err = exec.New(v, exec.Options{Maps: []uint64{1, 2}, MapValues: []uint64{addressOf(data), addressOf(value)}})
			if err == nil {
				results[engine], err = p.Run(contexts[engine])
				p.Close()
			}
		}
		if err != nil {
			t.Fatalf("engine %d: %s: %v", engine, text, err)
		}
		if strings.Trim(string(around[:64])+string(around[64+len(data):]), "\x5a") != "" {
			t.Fatalf("engine %d: %s: wrote outside of the arena", engine, text)
		}
		memories[engine] = data
	}
	if results[0] != results[1] || !bytes.Equal(memories[0], memories[1]) || !bytes.Equal(contexts[0], contexts[1]) {
		t.Fatalf("%s\ninterpreter %#x, machine code %#x; memory is equal: %v", text, results[0], results[1], bytes.Equal(memories[0], memories[1]))
	}
	return results[0], memories[0], contexts[0]
}

func TestArena(t *testing.T) {
	const (
		base = "r6 = map[0][0]+0; r6 = addr_space_cast(r6, 0x0, 0x1); "
		last = "r6 = map[0][0]+12280; r6 = addr_space_cast(r6, 0x0, 0x1); "
		ok   = "; r0 = 0; exit"
	)
	for _, c := range []struct {
		text string
		want uint64
	}{
		{"r0 = map[0][0]+8; exit", arenaStart + 8},
		{base + "r6 &= -4096; r6 |= 8; *(u8 *)(r6 + 0) = 1; r0 = r6; w0 = w0; exit", arenaStart&0xffffffff + 8},
		{base + "*(u64 *)(r6 + 16) = 5; r6 += 8; r0 = *(u64 *)(r6 + 8); exit", 5},
		{base + "*(u32 *)(r6 + 16) = -1; r0 = *(s16 *)(r6 + 16); exit", 1<<64 - 1},
		{base + "r0 = addr_space_cast(r6, 0x1, 0x0); exit", arenaStart},
		{"r1 = map[0]; r1 = 0; r0 = addr_space_cast(r1, 0x1, 0x0); exit", 0},
		{"r1 = map[0]; r1 = 0x700000000 ll; r0 = addr_space_cast(r1, 0x1, 0x0); exit", 0},
		{"r1 = map[0]; r1 = 7; r0 = addr_space_cast(r1, 0x1, 0x0); exit", 1<<44 + 7},
		// The last word, and what reaches beyond it by a byte.
		{last + "*(u64 *)(r6 + 0) = 7; r0 = *(u64 *)(r6 + 0); exit", 7},
		{last + "*(u64 *)(r6 + 1) = -1; r0 = *(u64 *)(r6 + 0); exit", 0},
		{last + "*(u64 *)(r6 + 0) = -1; r0 = *(u64 *)(r6 + 1); exit", 0},
		{last + "*(u8 *)(r6 + 7) = 9; r0 = *(u8 *)(r6 + 7); exit", 9},
		{base + "*(u8 *)(r6 - 1) = 9; r0 = *(u8 *)(r6 - 1); exit", 0},
		// Null, and anything.
		{"r1 = map[0]; r6 = 0; r6 = addr_space_cast(r6, 0x0, 0x1); *(u64 *)(r6 + 0) = 1; r0 = *(u64 *)(r6 + 0); exit", 0},
		{base + "r0 = 77; r6 += 1000000; r0 = *(u32 *)(r6 + 0); exit", 0},
		// Where nothing wraps around.
		{"r1 = map[0]; r6 = -8; r6 = addr_space_cast(r6, 0x0, 0x1); *(u64 *)(r6 + 20488) = 5; " + base + "r0 = *(u64 *)(r6 + 0); exit", 0},
		{"r1 = map[0]; r6 = 20472; r6 = addr_space_cast(r6, 0x0, 0x1); *(u64 *)(r6 + 8) = 5; " + base + "r0 = *(u64 *)(r6 + 0); exit", 5},
		{"r1 = map[0]; r6 = map[0][0]+8; r6 = addr_space_cast(r6, 0x0, 0x1); *(u8 *)(r6 + 32767) = 5; *(u8 *)(r6 - 9) = 5; r0 = *(u8 *)(r6 - 8); exit", 0},
		// Atomic operations.
		{base + "r1 = 5; lock *(u64 *)(r6 + 8) += r1; r0 = *(u64 *)(r6 + 8); exit", 5},
		{base + "*(u64 *)(r6 + 0) = 12; r1 = 10; r1 = atomic_fetch_and((u64 *)(r6 + 0), r1); r0 = *(u64 *)(r6 + 0); r0 <<= 8; r0 |= r1; exit", 8<<8 | 12},
		{base + "*(u64 *)(r6 + 0) = 12; r0 = 12; r1 = 13; r0 = cmpxchg_64(r6 + 0, r0, r1); r2 = *(u64 *)(r6 + 0); r0 <<= 8; r0 |= r2; exit", 12<<8 | 13},
		{base + "*(u32 *)(r6 + 4) = 3; r0 = 9; w0 = xchg32_32(r6 + 4, w0); exit", 3},
		{base + "*(u32 *)(r6 + 4) = 3; w0 = load_acquire((u32 *)(r6 + 4)); exit", 3},
		{base + "r1 = 4; store_release((u16 *)(r6 + 2), r1); r0 = *(u16 *)(r6 + 2); exit", 4},
		{base + "r6 += 1000000; r0 = 9; r0 = xchg_64(r6 + 4, r0); exit", 9},
		{base + "r6 += 1000000; r1 = 9; r1 = atomic_fetch_or((u64 *)(r6 + 4), r1); r0 = r1; exit", 9},
		{base + "r6 += 1000000; r0 = 9; r1 = 1; r0 = cmpxchg_64(r6 + 4, r0, r1); exit", 9},
		{base + "r6 += 1000000; r0 = 9; w0 = load_acquire((u32 *)(r6 + 4)); exit", 0},
		{base + "r6 += 1000000; r1 = 9; store_release((u64 *)(r6 + 4), r1); lock *(u64 *)(r6 + 4) += r1" + ok, 0},
		// By way of the stack, a function and both ways of a branch.
		{base + "*(u64 *)(r10 - 8) = r6; r6 = 0; r6 = *(u64 *)(r10 - 8); *(u64 *)(r6 + 0) = 3; r0 = *(u64 *)(r6 + 0); exit", 3},
		{base + "r1 = r6; call f; r0 = *(u64 *)(r6 + 8); exit\nf: *(u64 *)(r1 + 8) = 6; r0 = 0; exit", 6},
		{"r3 = *(u64 *)(r1 + 0); " + base + "if r3 == 1 goto go; r6 = 0\ngo: *(u64 *)(r6 + 0) = 6; r0 = *(u64 *)(r6 + 0); exit", 0},
		// Its users' addresses in itself: a list.
		{base + "r1 = map[0][0]+4096; *(u64 *)(r6 + 0) = r1; r1 = *(u64 *)(r6 + 0); r1 = addr_space_cast(r1, 0x0, 0x1); *(u64 *)(r1 + 8) = 4; r2 = map[0][0]+4104; r2 = addr_space_cast(r2, 0x0, 0x1); r0 = *(u64 *)(r2 + 0); exit", 4},
	} {
		if got, _ := runArena(t, c.text, arenaStart, make([]byte, 64)); got != c.want {
			t.Errorf("%s\n got %#x\nwant %#x", c.text, got, c.want)
		}
	}
}

// TestArenaRandom: whatever is done to addresses, both engines agree, and nothing else is touched.
func TestArenaRandom(t *testing.T) {
	const programs = 1500
	for seed := range uint64(programs) {
		rng := rand.New(rand.NewPCG(seed, 1))
		start := arenaStarts[seed%3]
		ctx := make([]byte, 64)
		for i := range ctx {
			ctx[i] = byte(rng.Uint32())
		}
		text := "r9 = r1; r1 = map[0]; r8 = 1; r7 = map[0][0]+40; r6 = addr_space_cast(r7, 0x0, 0x1); r0 = 0\n"
		for range 5 + rng.IntN(40) {
			text += randomArena(rng) + "\n"
		}
		runArena(t, text+"exit", start, ctx)
	}
}

// randomArena is one statement or two: r6 is an address in the arena, r8 a number, r9 the context, r0 collects.
func randomArena(rng *rand.Rand) string {
	off := rng.IntN(40) - 8
	if rng.IntN(8) == 0 {
		off = rng.IntN(1<<16) - 1<<15
	}
	size := []string{"u8", "u16", "u32", "u64"}[rng.IntN(4)]
	wide := []string{"u32", "u64"}[rng.IntN(2)]
	switch rng.IntN(13) {
	case 0:
		return fmt.Sprintf("r6 += %d", rng.IntN(20000)-8000)
	case 1:
		return "r6 += r8"
	case 2:
		return fmt.Sprintf("r8 = *(u64 *)(r9 + %d); r8 &= 0x7fff", 8*rng.IntN(8))
	case 3:
		return fmt.Sprintf("r6 = map[0][0]+%d; r6 = addr_space_cast(r6, 0x0, 0x1)", rng.IntN(arenaPages*4096))
	case 4, 5:
		return fmt.Sprintf("*(%s *)(r6 %+d) = %d", size, off, rng.Int32())
	case 6, 7:
		return fmt.Sprintf("r8 += r0; *(%s *)(r6 %+d) = r8", size, off)
	case 8, 9:
		return fmt.Sprintf("r1 = *(%s *)(r6 %+d); r0 += r1", size, off)
	case 10:
		op := []string{"add", "or", "and", "xor"}[rng.IntN(4)]
		return fmt.Sprintf("r2 = r8; r2 = atomic_fetch_%s((u64 *)(r6 %+d), r2); r0 ^= r2", op, off)
	case 11:
		return fmt.Sprintf("r2 = r8; lock *(%s *)(r6 %+d) += r2", wide, off)
	}
	return fmt.Sprintf("r7 = addr_space_cast(r6, 0x1, 0x0); r0 += r7; r6 = addr_space_cast(r7, 0x0, 0x1); r6 &= %d", rng.IntN(1<<15))
}

// BenchmarkArena follows a list of addresses, in an arena and in other memory.
func BenchmarkArena(b *testing.B) {
	const steps = 4096
	data := make([]byte, arenaPages*4096)
	const nodes = arenaPages * 4096 / 8
	chain := func(first uint64) {
		for i := range uint64(nodes) {
			binary.LittleEndian.PutUint64(data[8*i:], first+8*((i*617+1)%nodes))
		}
	}
	ctx := binary.LittleEndian.AppendUint64(nil, addressOf(data))
	for _, c := range []struct {
		name, text string
		first      uint64
	}{
		{"plain", "r1 = *(u64 *)(r1 + 0); r7 = 4096\nagain: r1 = *(u64 *)(r1 + 0); r7 += -1; if r7 != 0 goto again; r0 = r1; exit", addressOf(data)},
		{"arena", "r1 = map[0][0]+0; r7 = 4096\nagain: r1 = addr_space_cast(r1, 0x0, 0x1); r1 = *(u64 *)(r1 + 0); r7 += -1; if r7 != 0 goto again; r0 = r1; exit", arenaStart},
	} {
		b.Run(c.name, func(b *testing.B) {
			chain(c.first)
			p, err := exec.New(arenaProof(b, c.text, arenaStart), exec.Options{Maps: []uint64{1, 2}, MapValues: []uint64{addressOf(data), addressOf(data)}})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			for b.Loop() {
				if _, err := p.Run(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps), "ns/step")
		})
	}
}

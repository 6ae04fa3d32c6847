//go:build linux && amd64

package exec_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// flow writes programs in which r6, r7 and r8 hold addresses in an arena, cast or not, what lies there, and addresses
// of the stack, and go through the stack, memory of a map, branches and functions; r9 is the context.
type flow struct {
	*rand.Rand
	labels int
}

func (f *flow) pointer() string { return fmt.Sprintf("r%d", 6+f.IntN(3)) }
func (f *flow) slot() int       { return 8 * (1 + f.IntN(4)) }

func (f *flow) statement(depth int) string {
	p, q := f.pointer(), f.pointer()
	switch f.IntN(17) {
	case 0:
		return fmt.Sprintf("%s = map[0][0]+%d", p, 8*f.IntN(100))
	case 1, 2:
		return fmt.Sprintf("%s = addr_space_cast(%s, 0x0, 0x1)", p, q)
	case 3:
		return fmt.Sprintf("%s = addr_space_cast(%s, 0x1, 0x0)", p, q)
	case 4:
		return fmt.Sprintf("%s = %s", p, q)
	case 5:
		return fmt.Sprintf("*(u64 *)(r10 - %d) = %s", f.slot(), p)
	case 6:
		return fmt.Sprintf("%s = *(u64 *)(r10 - %d)", p, f.slot())
	case 7:
		return fmt.Sprintf("%s = r10; %s += -32", p, p)
	case 8:
		return fmt.Sprintf("r1 = map[1][0]+0; *(u64 *)(r1 + 0) = %s", p)
	case 9:
		return fmt.Sprintf("r1 = map[1][0]+0; %s = *(u64 *)(r1 + 0)", p)
	case 10:
		return fmt.Sprintf("%s = *(u64 *)(%s + %d)", p, q, 8*f.IntN(4))
	case 11:
		return fmt.Sprintf("*(u64 *)(%s + %d) = %s", p, 8*f.IntN(4), q)
	case 12:
		return fmt.Sprintf("*(u64 *)(%s + %d) = 7", p, 8*f.IntN(4))
	case 13:
		return fmt.Sprintf("r1 = %s; r2 = %s; call f; %s = r0", p, q, f.pointer())
	}
	if f.IntN(4) == 0 { // somewhere on the stack
		return fmt.Sprintf("r1 = *(u8 *)(r9 + %d); r1 &= 24; r1 += -32; %s = r10; %s += r1; *(u64 *)(%s + 0) = %s", f.IntN(64), p, p, p, q)
	}
	if depth > 2 {
		return fmt.Sprintf("%s += 8", p)
	}
	f.labels++
	label := fmt.Sprintf("l%d", f.labels)
	return fmt.Sprintf("r1 = *(u8 *)(r9 + %d); if r1 > 127 goto %s\n%s\n%s\n%s:", f.IntN(64), label, f.statement(depth+1), f.statement(depth+1), label)
}

func (f *flow) program() string {
	var b strings.Builder
	b.WriteString("r9 = r1; r6 = map[0][0]+0; r6 = addr_space_cast(r6, 0x0, 0x1); r7 = r6; r8 = r6\n")
	for slot := 8; slot <= 32; slot += 8 {
		fmt.Fprintf(&b, "*(u64 *)(r10 - %d) = 0\n", slot)
	}
	for range 4 + f.IntN(14) {
		b.WriteString(f.statement(0) + "\n")
	}
	b.WriteString("r0 = 0; exit\nf:\n")
	switch f.IntN(4) {
	case 0:
		b.WriteString("r0 = r1; exit")
	case 1:
		b.WriteString("*(u64 *)(r1 + 0) = r2; r0 = r2; exit")
	case 2:
		b.WriteString("*(u64 *)(r10 - 8) = r2; r0 = *(u64 *)(r10 - 8); r0 = addr_space_cast(r0, 0x0, 0x1); exit")
	case 3:
		b.WriteString("r0 = *(u64 *)(r1 + 8); exit")
	}
	return b.String()
}

const flowStart = 1<<44 | 1<<31

// ofArena: the error is of an access by an address of the arena, of its users or cast, as by one of the process. That
// of any other, a null or a number, is not asked about here.
func ofArena(err error) bool {
	_, text, _ := strings.Cut(err.Error(), " at 0x")
	text, _, _ = strings.Cut(text, ":")
	addr, parse := strconv.ParseUint(text, 16, 64)
	low, high := addr&0xffff_ffff, addr>>32
	return parse != nil || (high == 0 || high == flowStart>>32) && low >= 1<<31 && low < 1<<31+1<<20
}

// TestArenaNeverFollowed: of programs that the verifier accepts, none follows an address of the arena other than into
// it. In the interpreter such a one leads nowhere.
func TestArenaNeverFollowed(t *testing.T) {
	const programs = 30_000
	accepted := 0
	options := verifier.Options{Context: 64, Maps: []verifier.Map{
		{Name: "arena", Type: 33, MaxEntries: arenaPages, Start: flowStart}, {Name: "array", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1},
	}}
	for seed := range uint64(programs) {
		f := &flow{Rand: rand.New(rand.NewPCG(seed, 9))}
		text := f.program()
		p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: 2})
		if err != nil {
			continue // no call of f
		}
		v, err := verifier.Verify(p, options)
		if err != nil {
			continue
		}
		accepted++
		data, value, ctx := make([]byte, arenaPages*4096), make([]byte, 8), make([]byte, 64)
		for range 3 {
			for i := range ctx {
				ctx[i] = byte(f.Uint32())
			}
			m, err := interp.New(p, interp.Options{Maps: []uint64{1, 2}, MapValues: []uint64{flowStart, 1}, Arena: interp.Arena{Start: flowStart, Data: data, Accesses: v.Arena().Accesses}})
			if err == nil {
				err = m.Memory().MapAt(1, "the array", value, interp.ReadWrite)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err = m.Run(ctx); err != nil && ofArena(err) {
				t.Fatalf("seed %d\n%s\n%v", seed, text, err)
			}
		}
	}
	t.Logf("%d of %d programs accepted", accepted, programs)
	if accepted < programs/20 {
		t.Error("too few are accepted")
	}
}

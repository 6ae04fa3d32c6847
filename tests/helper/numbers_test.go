package helper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const (
	csumDiff = 28
	strtol   = 105
	strtoul  = 106
	jiffies  = 118
)

// A helperCall is one call of a helper of bpf_number.c, or of jiffies64.
type helperCall struct {
	id   int
	a, b string
	n    uint64 // flags, or the seed
}

// answer is what a helper returned, and where it has one, its result.
type answer struct {
	ret   int64
	value uint64
}

// numbers is testdata/numbers.c at work.
type numbers struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startNumbers(t *testing.T) *numbers {
	t.Helper()
	cmd := exec.Command(program(t, "numbers"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &numbers{t, in, bufio.NewReader(out)}
}

func (p *numbers) ask(c helperCall) (a answer) {
	p.t.Helper()
	hex := func(s string) string { return fmt.Sprintf("%x", s) + "-" }
	fmt.Fprintln(p.in, c.id, hex(c.a), hex(c.b), c.n)
	if _, err := fmt.Fscan(p.out, &a.ret, &a.value); err != nil {
		p.t.Fatalf("%+v: %v", c, err)
	}
	return a
}

// judge is the kernel's own helpers, each in a program that finds its arguments in a map.
type judge struct {
	t        *testing.T
	args     *ebpf.Map
	programs map[int]*ebpf.Program
}

// Where the arguments are: two numerals and their sizes, n, and the answer.
const (
	room                                       = 128
	argSizes, argN, argRet, argValue, argsSize = 2 * room, 2*room + 16, 2*room + 24, 2*room + 32, 2*room + 40
)

func startJudge(t *testing.T) *judge {
	t.Helper()
	needsKernel(t)
	args, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: argsSize, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { args.Close() })
	j := &judge{t, args, map[int]*ebpf.Program{}}
	size := func(r asm.Register, at int16, mask int32) asm.Instructions {
		return asm.Instructions{asm.LoadMem(r, asm.R6, argSizes+at, asm.DWord), asm.And.Imm(r, mask)}
	}
	for _, id := range []int{csumDiff, strtol, strtoul, jiffies} {
		insns := asm.Instructions{asm.LoadMapValue(asm.R6, args.FD(), 0), asm.Mov.Imm(asm.R0, 0), asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord), asm.Mov.Reg(asm.R1, asm.R6)}
		if id == csumDiff {
			insns = append(append(insns, size(asm.R2, 0, room-4)...), size(asm.R4, 8, room-4)...)
			insns = append(insns, asm.Mov.Reg(asm.R3, asm.R6), asm.Add.Imm(asm.R3, room), asm.LoadMem(asm.R5, asm.R6, argN, asm.DWord))
		} else {
			insns = append(insns, size(asm.R2, 0, room-1)...)
			insns = append(insns, asm.JEq.Imm(asm.R2, 0, "out"), asm.LoadMem(asm.R3, asm.R6, argN, asm.DWord), asm.Mov.Reg(asm.R4, asm.RFP), asm.Add.Imm(asm.R4, -8))
		}
		insns = append(insns, asm.BuiltinFunc(id).Call(), asm.StoreMem(asm.R6, argRet, asm.R0, asm.DWord),
			asm.LoadMem(asm.R1, asm.RFP, -8, asm.DWord), asm.StoreMem(asm.R6, argValue, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
		if j.programs[id], err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: insns, License: "GPL"}); err != nil {
			t.Fatalf("helper %d: %v", id, err)
		}
		t.Cleanup(func() { j.programs[id].Close() })
	}
	return j
}

func (j *judge) ask(c helperCall) answer {
	j.t.Helper()
	value := make([]byte, argsSize)
	copy(value, c.a)
	copy(value[room:], c.b)
	binary.LittleEndian.PutUint64(value[argSizes:], uint64(len(c.a)))
	binary.LittleEndian.PutUint64(value[argSizes+8:], uint64(len(c.b)))
	binary.LittleEndian.PutUint64(value[argN:], c.n)
	_, _, err := func() (uint32, []byte, error) {
		if err := j.args.Put(uint32(0), value); err != nil {
			return 0, nil, err
		}
		return j.programs[c.id].Test(make([]byte, 14))
	}()
	if err := errors.Join(err, j.args.Lookup(uint32(0), &value)); err != nil {
		j.t.Fatal(err)
	}
	return answer{int64(binary.LittleEndian.Uint64(value[argRet:])), binary.LittleEndian.Uint64(value[argValue:])}
}

// numerals are numbers, and what is none.
var numerals = []string{"0", "7", "-7", "+7", " \t\n\v\f\r42", "\xa042", "-", " ", "x", "0x", "0X1f", "0xg", "08", "017", "-0x10", "1 2", "12abc",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
	"18446744073709551616", "99999999999999999999999", "0xffffffffffffffff", "0x10000000000000000", "01777777777777777777777",
	"02000000000000000000000", strings.Repeat("0", 62) + "5", strings.Repeat("0", 63) + "5", strings.Repeat("0", 64) + "5",
	strings.Repeat(" ", 90) + "5", "1\x00" + "2", "--1", "- 1", "ff", "FF", "1e5", "0b1"}

// TestNumbers: what is read from text is what the kernel of this machine reads.
func TestNumbers(t *testing.T) {
	p, j := startNumbers(t), startJudge(t)
	same := func(c helperCall) {
		t.Helper()
		if got, want := p.ask(c), j.ask(c); got != want {
			t.Errorf("helper %d of %q, flags %d: %+v, the kernel's %+v", c.id, c.a, c.n, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, id := range []int{strtol, strtoul} {
		for _, flags := range []uint64{0, 8, 10, 16, 2, 31, 32, 1 << 40} {
			for _, text := range numerals {
				same(helperCall{id: id, a: text, n: flags})
			}
		}
		for range 3000 {
			b := make([]byte, 1+rng.IntN(70))
			for i := range b {
				b[i] = "0123456789abcdefABCDEF -+xX\t"[rng.IntN(10+rng.IntN(19))]
			}
			same(helperCall{id: id, a: string(b), n: []uint64{0, 8, 10, 16}[rng.IntN(4)]})
		}
	}
}

// TestChecksums: the same for bpf_csum_diff, where the kernel is one that folds sums.
func TestChecksums(t *testing.T) {
	p, j := startNumbers(t), startJudge(t)
	if j.ask(helperCall{id: csumDiff, b: "\xff\xff\x01\x00", n: 0xffff0000}).ret > 0xffff {
		t.Skip("this kernel does not fold sums to 16 bits")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() string {
		b := make([]byte, 4*rng.IntN(room/4))
		for i := range b {
			b[i] = byte(rng.Uint32() >> rng.IntN(33))
		}
		return string(b)
	}
	for range 5000 {
		c := helperCall{id: csumDiff, a: random(), b: random(), n: uint64(rng.Uint32() >> rng.IntN(33))}
		if got, want := p.ask(c), j.ask(c); got.ret != want.ret {
			t.Errorf("from %x to %x, seed %#x: %#x, the kernel's %#x", c.a, c.b, c.n, got.ret, want.ret)
		}
	}
}

// TestJiffies: ours go as the kernel's do. How many ticks it counted before the clock ran evenly nobody is told.
func TestJiffies(t *testing.T) {
	p, j := startNumbers(t), startJudge(t)
	var off int64
	for i := range 100 {
		c := helperCall{id: jiffies, a: "0"}
		before, now, after := j.ask(c).ret, p.ask(c).ret, j.ask(c).ret
		if i == 0 {
			off = now - before
		}
		if off < -1<<16 || off > 1<<16 || now-off < before-2 || now-off > after+2 {
			t.Errorf("%d, the kernel says %d before and %d behind it, at first they were %d apart", now, before, after, off)
		}
		time.Sleep(3 * time.Millisecond)
	}
}

package plan

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// checker is the C checker of the agent in a process of its own.
type checker struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// newChecker compiles preload/check.c into testdata/check.c, so that whatever it
// does wrong ends the process, under sanitizers where gcc has them.
func newChecker(t *testing.T) *checker {
	t.Helper()
	cmd := exec.Command(compile(t))
	cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0")
	cmd.Stderr = os.Stderr
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
			t.Errorf("the C checker: %v", err)
		}
	})
	return &checker{in, bufio.NewReaderSize(out, 1<<20)}
}

func compile(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "check")
	args := []string{"-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I../abi", "-I../native", "-I../../preload", "-o", exe, "testdata/check.c", "../../preload/check.c"}
	out, err := exec.Command("gcc", append(args, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")...).CombinedOutput()
	if err != nil {
		t.Logf("without sanitizers: %v\n%s", err, out)
		if out, err = exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return exe
}

// judge is what C says to a plan: a line of testdata/check.c.
func (c *checker) judge(t *testing.T, b []byte) string {
	t.Helper()
	if _, err := c.in.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		t.Fatal(err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the C checker has no answer: %v; the plan:\n%x", err, b)
	}
	return strings.TrimSuffix(line, "\n")
}

// judge is what Go says, in the same form, and the reason if it is one.
func judge(b []byte) (line, reason string) {
	p, err := Decode(b)
	if err != nil {
		reason, _, _ = strings.Cut(strings.TrimPrefix(err.Error(), "plan: "), ": ")
		return "refused: " + reason, reason
	}
	return show(p), ""
}

// show writes what a plan says, as show of testdata/check.c does.
func show(p *Plan) string {
	var w strings.Builder
	put := func(name string, values ...any) {
		w.WriteString(name + " ")
		for _, v := range values {
			switch v := v.(type) {
			case string:
				fmt.Fprintf(&w, "=%x ", v)
			case []byte:
				fmt.Fprintf(&w, "%x ", v)
			case bool:
				fmt.Fprintf(&w, "%d ", map[bool]int{true: 1}[v])
			default:
				fmt.Fprintf(&w, "%d ", v)
			}
		}
	}
	put("plan", p.Abort, p.Traps, p.Reads, p.Calls, p.Dispatch)
	for _, l := range p.Links {
		put("link", l.Name, l.Kind, l.Tactic, l.Why, l.Refused, l.Calls)
	}
	for _, m := range p.Maps {
		put("map", m.Path, m.Size)
	}
	for _, want := range p.Wants {
		put("wish", want)
	}
	for _, u := range p.Units {
		put("unit", u.Path, u.BuildID, u.LoadBase, u.Late, u.Hook, u.Came, u.Dispatch, u.Code)
		for _, r := range u.Relocs {
			put("reloc", r.Kind, r.At, r.Sym, uint64(r.Addend))
		}
		for _, x := range u.Patches {
			put("patch", x.Vaddr, x.Tactic, x.Stub, x.RelAt, x.Orig, x.Text)
		}
		for _, vaddr := range u.Semaphores {
			put("semaphore", vaddr)
		}
		for _, o := range u.Outposts {
			put("outpost", o.Vaddr, o.Stub)
		}
	}
	return w.String()
}

// TestParity: Go and C accept the same plans, read the same in them, and refuse
// the others for the same reason.
func TestParity(t *testing.T) {
	c := newChecker(t)
	for name, b := range allBroken(t) {
		bytes := b.bytes(t)
		got, _ := judge(bytes)
		if want := c.judge(t, bytes); got != want {
			t.Errorf("%s:\nGo says %s\nC says  %s", name, got, want)
		}
	}
}

// TestMostRecords: a table has at most 2^20 records, even where there is room.
func TestMostRecords(t *testing.T) {
	c := newChecker(t)
	for count, want := range map[uint32]string{1 << 20: "", 1<<20 + 1: "a table lies outside"} {
		r := raw(encode(t, &Plan{}))
		at, size := uint32(len(r)), uint32(len(r))+count*abi.PLAN_WANT_SIZE
		r = append(r, make([]byte, size-at)...)
		r.put32(12, size)
		r.put32(44, count)
		r.put32(48, at)
		got, reason := judge(r)
		if reason != want {
			t.Errorf("%d wishes: %q, want %q", count, reason, want)
		}
		if c.judge(t, r) != got {
			t.Errorf("%d wishes: C says otherwise", count)
		}
	}
}

// TestParityMutated: the same of plans that nobody thought of.
func TestParityMutated(t *testing.T) {
	rounds := 20_000
	if os.Getenv("BPFTIME_TORTURE") != "" {
		rounds = 1_000_000
	}
	c, good, seen := newChecker(t), encode(t, whole()), map[string]int{}
	for seed := range uint64(rounds) {
		b := mutate(rand.New(rand.NewPCG(seed, 1)), good)
		got, reason := judge(b)
		seen[reason]++
		if want := c.judge(t, b); got != want {
			t.Fatalf("seed %d:\nGo says %s\nC says  %s\nthe plan: %x", seed, got, want, b)
		}
	}
	for _, reason := range []string{"", "a table lies outside", "the strings do not end", "a link has no name", "a map has no path or size",
		"a wish has no path", "a unit names no module", "a unit has no text", "code lies outside", "a table of a unit lies outside",
		"a relocation is out of bounds", "a patch is out of bounds"} {
		if seen[reason] < rounds/500 {
			t.Errorf("%d of %d plans were refused for %q: too few to tell", seen[reason], rounds, reason)
		}
	}
	if t.Failed() {
		for _, reason := range slices.Sorted(maps.Keys(seen)) {
			t.Logf("%6d %q", seen[reason], reason)
		}
	}
}

// mutate changes up to three things: a bit, a byte, a field, or a run of bytes
// that is copied from elsewhere. Size and what is before it stay right mostly, so
// that not all is refused at once.
func mutate(r *rand.Rand, good []byte) []byte {
	b := bytes.Clone(good)
	if r.IntN(16) == 0 {
		b = b[:r.IntN(len(b))]
	}
	if r.IntN(16) == 0 {
		b = append(b, make([]byte, r.IntN(64))...)
	}
	for range 1 + r.IntN(3) {
		mutateOnce(r, b)
	}
	if len(b) >= 64 && r.IntN(64) != 0 {
		binary.LittleEndian.PutUint32(b[12:], uint32(len(b)))
	}
	return b
}

func mutateOnce(r *rand.Rand, b []byte) {
	at := func(width int) int { return 16 + r.IntN(max(len(b)-16-width, 1)) }
	if len(b) < 32 {
		return
	}
	switch r.IntN(5) {
	case 0:
		b[at(1)] ^= 1 << r.IntN(8)
	case 1:
		b[at(1)] = byte(r.Uint32())
	case 2:
		from := at(16)
		copy(b[at(16):], bytes.Clone(b[from:from+min(16, len(b)-from)]))
	default:
		field := b[at(8)&^3:]
		old := binary.LittleEndian.Uint32(field)
		size := uint32(len(b))
		values := []uint32{0, 1, 4, 8, 16, 32, 33, 63, 64, size - 8, size - 1, size, size + 1, size + 8, 1 << 20, 1<<20 + 1, 1 << 28, 1 << 31,
			0xffffffff, old + 1, old - 1, old + 8, old - 8, old + 16, r.Uint32(), r.Uint32N(size)}
		binary.LittleEndian.PutUint32(field, values[r.IntN(len(values))])
	}
}

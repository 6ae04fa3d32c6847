package syscallhook

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
)

// FuzzFind is best run with -fuzzminimizetime=5x: to minimize a file takes long.
func FuzzFind(f *testing.F) {
	for _, b := range goldens(f) {
		f.Add(b)
	}
	f.Fuzz(hold)
}

// TestDamaged writes random numbers into files.
func TestDamaged(t *testing.T) {
	rounds := 200
	if os.Getenv("BPFTIME_TORTURE") != "" {
		rounds = 20_000
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, b := range goldens(t) {
		for range rounds {
			c := bytes.Clone(b)
			for range 1 + rng.IntN(8) {
				at := rng.IntN(len(c))
				if rng.IntN(2) == 0 {
					at = rng.IntN(1024) // headers
				}
				copy(c[at:], binary.LittleEndian.AppendUint64(nil, rng.Uint64()>>(8*rng.IntN(8)))[:1+rng.IntN(8)])
			}
			if hold(t, c); t.Failed() {
				_ = os.WriteFile(filepath.Join(t.ArtifactDir(), "damaged"), c, 0o600)
				return
			}
		}
	}
}

func goldens(t testing.TB) (made [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.s")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(link(t, prelude+string(source)).Name())
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, b)
	}
	return made
}

// hold: whatever a file says of itself, each site it is said to have is a syscall of
// the file, with a tactic that has room, or a reason.
func hold(t *testing.T, b []byte) {
	file, err := elfsym.New("damaged", bytes.NewReader(b))
	if err != nil {
		return
	}
	last := uint64(0)
	sites, _ := Find(file)
	for _, s := range sites {
		check(t, s)
		code, err := file.Bytes(s.Vaddr, shortLen)
		if err != nil || s.Vaddr < last || !bytes.Equal(code, opcode) && !prefix(code[0]) {
			t.Errorf("%#x behind %#x: %x, %v", s.Vaddr, last, code, err)
		}
		last = s.Vaddr + 1
	}
}

// prefix: those that syscall ignores, and REX.
func prefix(c byte) bool {
	return c&0xf0 == 0x40 || bytes.IndexByte([]byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3}, c) >= 0
}

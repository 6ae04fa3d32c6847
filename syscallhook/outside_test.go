package syscallhook

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
)

// constants is a module of one function and random bytes behind it.
type constants struct {
	elfsym.File
	code []byte
}

const constantsAt = 0x1000

func (c *constants) Code() []elfsym.Func {
	return []elfsym.Func{{Lo: constantsAt, Hi: constantsAt + uint64(len(c.code))}}
}

func (c *constants) Functions() []elfsym.Func {
	return []elfsym.Func{{Lo: constantsAt, Hi: constantsAt + 1}}
}

func (c *constants) Bytes(vaddr uint64, n int) ([]byte, error) {
	if at := vaddr - constantsAt; at+uint64(n) <= uint64(len(c.code)) {
		return c.code[at:][:n], nil
	}
	return nil, errors.New("not there")
}

// TestConstants: of a hundred thousand places amid random bytes that look like a
// syscall, less than one in ten thousand is taken for one; none of real ones is missed.
func TestConstants(t *testing.T) {
	const places, apart = 100000, 64
	rng := rand.New(rand.NewPCG(1, 2))
	c := &constants{code: make([]byte, 0, places*apart)}
	for range places {
		for range apart / 8 {
			c.code = binary.LittleEndian.AppendUint64(c.code, rng.Uint64())
		}
		copy(c.code[len(c.code)-2:], opcode)
	}
	invented := len(outside(c))
	t.Logf("%d of %d", invented, places)
	if invented > places/10000 {
		t.Errorf("%d of %d constants are taken for a syscall", invented, places)
	}
	copy(c.code[5000:], []byte{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xb8, 39, 0, 0, 0, 0x0f, 0x05})
	if n := len(outside(c)); n != invented+1 {
		t.Errorf("with a real one %d sites, %d before", n, invented)
	}
}

package gen_test

import (
	"encoding/binary"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// A helper that is only a load from the context, unless that is a number of less than 33
// bits: then it is what the helper alone knows.
const wordAt = 24

func wordHelper(mem []byte) *helper.Registry {
	return new(helper.Registry).Register(helperID, helper.Pure(func(_, _, _, _, _ uint64) uint64 {
		if v := binary.LittleEndian.Uint64(mem[wordAt:]); v>>32 != 0 {
			return v
		}
		return 0x123456789
	}))
}

func loadWord(id int32) *jit.Loads {
	if id != helperID {
		return nil
	}
	return &jit.Loads{At: []int32{wordAt}, Upper: true}
}

var wordEngines = []gen.Engine{
	{Name: "interpreter", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		m, err := interp.New(p.Program(), interp.Options{Helpers: wordHelper(mem), Budget: 10_000_000})
		if err != nil {
			return 0, err
		}
		return m.Run(mem)
	}},
	wordEngine("jit, calls", nil),
	wordEngine("jit, inlined", loadWord),
}

func wordEngine(name string, inline func(int32) *jit.Loads) gen.Engine {
	return gen.Engine{Name: name, Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		x, err := exec.New(p, exec.Options{Helpers: wordHelper(mem), Inline: inline})
		if err != nil {
			return 0, err
		}
		defer x.Close()
		return x.Run(mem)
	}}
}

// A helper that the code does by itself gives what it gives when it is called, whatever
// happens around it. In every other case the word says nothing at first.
func TestInlinedAgree(t *testing.T) {
	needJIT(t)
	count := uint64(1000)
	if torture() {
		count = 100_000
	}
	for seed := range count {
		c := gen.Generate(seed, gen.Options{Helper: helperID})
		if seed%2 == 0 {
			clear(c.Input[wordAt+4 : wordAt+8])
		}
		if err := c.Compare(wordEngines...); err != nil {
			t.Error(err)
		}
	}
}

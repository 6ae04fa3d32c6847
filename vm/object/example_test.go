package object_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/object"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// From a file to a result: the object is read, a constant set, the program
// linked, verified and run. Whoever runs it makes the maps: here one data
// section, .bss, at an address of our choice.
func Example() {
	spec, err := object.LoadFile("testdata/calls.o")
	if err != nil {
		log.Fatal(err)
	}
	linked, err := object.Link(spec, object.Options{})
	if err != nil {
		log.Fatal(err)
	}
	p, err := linked.Program("powers")
	if err != nil {
		log.Fatal(err)
	}

	var maps []verifier.Map
	for _, m := range linked.Maps {
		maps = append(maps, verifier.Map{Type: uint32(m.Type), ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags})
	}
	verified, err := verifier.Verify(p.Prog, verifier.Options{Maps: maps, Context: sizeOfContext})
	if err != nil {
		log.Fatal(p.Locate(err)) // names the line of the source
	}

	const bss = 0x10000
	m, err := interp.New(verified.Program(), interp.Options{Helpers: new(helper.Registry), MapValues: []uint64{bss}})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Memory().MapAt(bss, ".bss", linked.Maps[0].Contents, interp.ReadWrite); err != nil {
		log.Fatal(err)
	}
	registers := make([]byte, sizeOfContext)
	binary.LittleEndian.PutUint64(registers[rdi:], 3)
	fmt.Println(m.Run(registers))
	// Output: 83793 <nil>
}

package object_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/object"
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

	verified, err := p.Verify(object.ContextOf("uprobe", false))
	if err != nil {
		log.Fatal(err) // names the line of the source
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

package object_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/vm/object"
)

// What an object costs a process that starts: reading it, linking one program
// of it, and verifying that.
func Benchmark(b *testing.B) {
	for _, c := range []struct{ name, program string }{{"basics", "on_return"}, {"calls", "powers"}, {"libbpf", "leave"}} {
		file := image(b, c.name)
		spec, err := object.Load(c.name, file)
		if err != nil {
			b.Fatal(err)
		}
		o, err := object.Link(spec, object.Options{})
		if err != nil {
			b.Fatal(err)
		}
		p, err := o.Program(c.program)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/load", func(b *testing.B) {
			for b.Loop() {
				_, _ = object.Load(c.name, file)
			}
		})
		b.Run(c.name+"/link", func(b *testing.B) {
			for b.Loop() {
				o, _ := object.Link(spec, object.Options{})
				_, _ = o.Program(c.program)
			}
		})
		b.Run(c.name+"/verify", func(b *testing.B) {
			for b.Loop() {
				_, _ = p.Verify(object.ContextOf("uprobe", false))
			}
		})
	}
}

package elfsym

import "testing"

// The start-up path of a traced process: what one probe needs to know.
func BenchmarkOpenLookup(b *testing.B) {
	for _, name := range []string{"malloc", "memcpy"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f, err := Open(libc)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Lookup(name); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		f, err := Open(libc)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// What a patch needs beside the address.
func BenchmarkFunction(b *testing.B) {
	f := open(b, libc)
	sym, err := f.Lookup("malloc")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("FuncAt", func(b *testing.B) {
		for b.Loop() {
			f.FuncAt(sym[0].Value)
		}
	})
	fn, _ := f.FuncAt(sym[0].Value)
	b.Run("CFAs", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.CFAs(fn); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("JumpTableTargets", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.JumpTableTargets(fn); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFunctions(b *testing.B) {
	for b.Loop() {
		f, err := Open(libc)
		if err != nil {
			b.Fatal(err)
		}
		f.Functions()
		f.Close()
	}
}

func BenchmarkGlob(b *testing.B) {
	f := open(b, libc)
	for b.Loop() {
		if _, err := f.Glob("*alloc*"); err != nil {
			b.Fatal(err)
		}
	}
}

package elfsym

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpftime-go/bpftime/internal/x86"
)

// atCall is where a frame is before a function's first instruction.
var atCall = CFA{Reg: x86.RSP, Off: 8, Known: true}

// A function without a name, of which a stripped file has many, is called by its
// virtual address in the file, as `bpftime check` prints it: 0x3be80.

// nameless is the function of such a name; ok tells whether the name is one.
func (f *File) nameless(name string) (syms []Symbol, ok bool) {
	vaddr, err := strconv.ParseUint(name, 0, 64)
	if err != nil || !strings.HasPrefix(name, "0x") {
		return nil, false
	}
	fn, found := f.FuncAt(vaddr)
	if !found {
		return nil, true
	}
	return []Symbol{{Name: name, Value: vaddr, Size: fn.Hi - vaddr}}, true
}

// globNameless lists the functions without a name whose address matches. Parts of
// others, which are jumped to, are cold.
func (f *File) globNameless(pattern string) (syms []Symbol) {
	named := f.namedAddresses()
	for _, fn := range f.Functions() {
		if name := fmt.Sprintf("%#x", fn.Lo); !named[fn.Lo] && match(pattern, name) {
			syms = append(syms, Symbol{Name: name, Value: fn.Lo, Size: fn.Hi - fn.Lo, Cold: f.IsPart(fn)})
		}
	}
	return syms
}

func (f *File) namedAddresses() map[uint64]bool {
	named := map[uint64]bool{}
	tables, _ := f.tables()
	for _, t := range tables {
		for _, s := range t.functionNames() {
			named[s.value] = true
		}
	}
	return named
}

// IsPart tells whether nothing calls fn: its frame is open at its first instruction, as
// in what a function jumps to; or it is what the kernel has a signal handler return to,
// whose unwind data begins a byte before it.
func (f *File) IsPart(fn Func) bool {
	if code, err := f.Bytes(fn.Lo, 1+x86.SigreturnLen); err == nil && (x86.IsSigreturn(code) || x86.IsSigreturn(code[1:])) {
		return true
	}
	rows, err := f.CFAs(fn)
	return err == nil && len(rows) > 0 && rows[0].CFA.Known && rows[0].CFA != atCall
}

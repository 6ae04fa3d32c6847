package elfsym

import (
	"errors"
	"io"

	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// TODO: being built; the declarations are what will stand.

// ErrNoSymbol is wrapped by the error of a lookup that found nothing.
var ErrNoSymbol = errors.New("no such symbol")

// ErrFormat is wrapped by every error about a file that is not a well-formed
// x86-64 ELF executable or shared object.
var ErrFormat = errors.New("not a usable ELF file")

// File is one ELF executable or shared object.
type File struct{ name string }

// Symbol is a function a name stands for.
type Symbol struct {
	Name    string // as in the symbol table, without version
	Version string // GLIBC_2.2.5, empty without symbol versions
	Hidden  bool   // not the default version: foo@V, not foo@@V
	Value   uint64 // virtual address; of the resolver when IFunc
	Size    uint64 // bytes, 0 when unknown
	IFunc   bool   // STT_GNU_IFUNC: calling Value returns the function
	Local   bool   // STB_LOCAL
	Cold    bool   // foo.cold: entered by a jump out of foo, so not a function entry
	Debug   bool   // from .gnu_debugdata
}

// Func is the code [Lo, Hi) of one function, or of its cold part.
type Func struct{ Lo, Hi uint64 }

// CFA is the rule for the canonical frame address: Reg + Off, unless an
// expression computes it, or a register that is not a general one.
type CFA struct {
	Reg   x86.Reg
	Off   int64
	Known bool
}

// CFARow says that CFA holds from PC up to the next row.
type CFARow struct {
	PC  uint64
	CFA CFA
}

// Module is one ELF file as it is loaded in a process.
type Module struct {
	Path     string
	Lo, Hi   uint64 // the addresses its PT_LOAD segments span
	Bias     uint64 // address in the process = virtual address in File + Bias
	Main     bool   // the program itself, /proc/self/exe
	Mappings []procmaps.Mapping
	File     *File // nil when Err says why
	Err      error // the file was deleted, replaced or cannot be read
}

func Open(path string) (*File, error)                      { return nil, errors.ErrUnsupported }
func New(name string, r io.ReaderAt) (*File, error)        { return nil, errors.ErrUnsupported }
func (f *File) Close() error                               { return nil }
func (f *File) Name() string                               { return f.name }
func (f *File) BuildID() []byte                            { return nil }
func (f *File) Soname() string                             { return "" }
func (f *File) Interp() string                             { return "" }
func (f *File) PIE() bool                                  { return false } // loaded at a bias: ET_DYN
func (f *File) Entry() uint64                              { return 0 }
func (f *File) LoadBase() uint64                           { return 0 }
func (f *File) LoadEnd() uint64                            { return 0 }
func (f *File) Bytes(vaddr uint64, n int) ([]byte, error)  { return nil, errors.ErrUnsupported }
func (f *File) Executable(vaddr uint64) bool               { return false }
func (f *File) FileOffset(vaddr uint64) (uint64, bool)     { return 0, false }
func (f *File) Vaddr(off uint64) (uint64, bool)            { return 0, false }
func (f *File) Lookup(name string) ([]Symbol, error)       { return nil, errors.ErrUnsupported }
func (f *File) Glob(pattern string) ([]Symbol, error)      { return nil, errors.ErrUnsupported }
func (f *File) Functions() []Func                          { return nil }
func (f *File) FuncAt(vaddr uint64) (Func, bool)           { return Func{}, false }
func (f *File) CFAs(fn Func) ([]CFARow, error)             { return nil, errors.ErrUnsupported }
func (f *File) LandingPads(fn Func) ([]uint64, error)      { return nil, errors.ErrUnsupported }
func (f *File) JumpTableTargets(fn Func) ([]uint64, error) { return nil, errors.ErrUnsupported }
func Modules(ms []procmaps.Mapping, open func(string) (*File, error)) ([]*Module, error) {
	return nil, errors.ErrUnsupported
}
func (m *Module) Match(path string) bool { return false }

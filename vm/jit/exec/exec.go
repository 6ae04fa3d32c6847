package exec

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// ErrUnsupported is returned by New where programs cannot run.
var ErrUnsupported = errors.New("exec: machine code runs on linux/amd64 only")

// Options of a program. The zero value is for one without helpers and maps.
type Options struct {
	// Helpers are the functions behind calls. Of an entry that has both,
	// machine code is preferred. bpf_tail_call is not one of them.
	Helpers *helper.Registry

	// Maps are the values that a reference to a map loads, one for each map;
	// they mean something to the helpers only. MapValues are the addresses of
	// their values for references that want those (0: it has none).
	Maps, MapValues []uint64

	// TailCall finds the target of bpf_tail_call(ctx, array, index). nil, of
	// the function or of what it returns, makes the call fail. The programs it
	// returns must stay open as long as this one runs.
	TailCall func(array uint64, index uint32) *Program

	// Features are what the code may use of the processor; nil: all it has.
	Features *jit.Features

	// Inline and Array are jit.Options'. Here the context of a helper that is asked
	// for is what r1 was at first.
	Inline func(id int32) *jit.Loads
	Array  func(index int32) (jit.Array, bool)
}

// Program is a program ready to run.
type Program struct {
	code    *jit.Code
	text    mapping
	id      uint32        // that its thunks report
	helpers []helper.Func // by the number that they report
}

// New translates the program and maps it. It fails like jit.Compile, and when
// the program calls a helper that is not registered or refers to a map that is
// not there.
func New(v *proof.Verified, opts Options) (*Program, error) {
	features := jit.HostFeatures()
	if opts.Features != nil {
		features = *opts.Features
	}
	l := &linker{opts: opts, thunks: map[int32]int{}}
	code, err := jit.Compile(v, jit.Options{
		Features: features, Near: l.inGo, CallX: l.callX(v.Program()),
		Context: opts.inlined, Inline: opts.Inline, Array: opts.Array,
	})
	if err != nil {
		return nil, err
	}
	p := &Program{code: code, id: nextID.Add(1)}
	text, err := l.link(p)
	if err != nil {
		return nil, err
	}
	if p.text, err = mapText(text); err != nil {
		return nil, err
	}
	running.Store(p.id, p)
	return p, nil
}

// inlined reports which helpers take the context: those that may be done with it alone.
func (o Options) inlined(id int32) bool { return o.Inline != nil && o.Inline(id) != nil }

// running finds the program that a thunk belongs to: not the one that was
// entered, after a tail call.
var (
	running sync.Map // uint32 -> *Program
	nextID  atomic.Uint32
)

// Code is what runs.
func (p *Program) Code() *jit.Code { return p.code }

// Close unmaps the program.
func (p *Program) Close() error {
	running.Delete(p.id)
	return p.text.close()
}

// Run runs the program with r1 the address of ctx and r2 its length, both 0 for
// an empty one, and returns r0. The error is that of a helper.
func (p *Program) Run(ctx []byte) (r0 uint64, err error) {
	return p.run([5]uint64{address(ctx), uint64(len(ctx))}, ctx)
}

// Call runs the program with up to five arguments in r1 to r5.
func (p *Program) Call(args ...uint64) (r0 uint64, err error) {
	if len(args) > 5 {
		return 0, fmt.Errorf("exec: %d arguments are more than five", len(args))
	}
	var r [5]uint64
	copy(r[:], args)
	return p.run(r, nil)
}

// run enters the program and serves its helper calls until it returns.
func (p *Program) run(args [5]uint64, ctx []byte) (r0 uint64, err error) {
	s, err := takeStack()
	if err != nil {
		return 0, err
	}
	defer s.release()
	s.enter(p.text.addr+uintptr(p.code.Entry), args, ctx)
	for s.called() {
		id, n, args := s.helperCall()
		owner, err := p.owner(id)
		if err != nil {
			return 0, err
		}
		r0, err := owner.helpers[n](s, args[0], args[1], args[2], args[3], args[4])
		if err != nil {
			return 0, err // what is left of the program is data in s
		}
		s.resume(r0)
	}
	return s.result(), nil
}

// owner is the program that calls: p itself, or one that was tail-called.
func (p *Program) owner(id uint32) (*Program, error) {
	if id == p.id {
		return p, nil
	}
	owner, ok := running.Load(id)
	if !ok {
		return nil, errors.New("exec: a program that was tail-called has been closed")
	}
	return owner.(*Program), nil
}

package attach

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/object"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// code is a program compiled for a context; it lies once in every unit that has a site of
// it, or of one that may go on with it.
type code struct {
	*jit.Code
	of       *loaded
	context  object.Context
	maps     []uint32   // of the plan, by index of the object's map
	specs    *usdtSpecs // nil: it asks for no arguments of a marker
	constant bool       // it only returns a number
	writes   bool       // it may write to its context
	reads    bool       // it reads or writes memory of the host by a helper
	// Where it returns for the probed function, where it asks about its session, and where
	// for the function's arguments; "" if it never does.
	overrides, asks, wantsArgs string
	tails                      bool // it may go on with another program: see tailcall.go
	stacks                     bool // it walks up the stack
}

// compile compiles a program for a context, once.
func (l *loaded) compile(name string, context object.Context) (*code, error) {
	key := purpose{name, context}
	if done, ok := l.compiled[key]; ok {
		return done.code, done.err
	}
	k, err := l.compileNew(name, context)
	l.compiled[key] = compiled{k, err}
	return k, err
}

func (l *loaded) compileNew(name string, context object.Context) (*code, error) {
	p, err := l.Program(name)
	if err != nil {
		return nil, err
	}
	proof, err := p.Verify(context)
	if err != nil {
		return nil, err
	}
	l.c.tellLimits()
	machine, err := jit.Compile(proof, jit.Options{Features: jit.HostFeatures(), Context: takesContext, Inline: inline, Array: l.array})
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", l.spec.Name, name, err)
	}
	for _, i := range p.Maps() {
		if err := l.plan(i); err != nil {
			return nil, err
		}
	}
	if err := l.foldable(p); err != nil {
		return nil, err
	}
	return &code{
		Code: machine, of: l, context: context, maps: l.planned, specs: l.usdtSpecs(p.Maps()),
		constant: isConstant(p.Prog), writes: context.Writable && proof.WritesContext(), reads: where(p, reading...) != "",
		overrides: where(p, overrideReturn), asks: where(p, abi.KFUNC_SESSION_IS_RETURN, abi.KFUNC_SESSION_COOKIE), wantsArgs: where(p, functionArgs...),
		tails: where(p, vm.TailCall) != "", stacks: asksForStacks(p),
	}, nil
}

// where says where the program first calls one of these helpers.
func where(p *object.Program, ids ...int64) string {
	for i, in := range p.Prog.Instructions() {
		if !in.IsHelperCall() || !slices.Contains(ids, in.Imm) {
			continue
		}
		if line, ok := p.Line(i); ok {
			return fmt.Sprintf("insn %d, %s:%d", i, filepath.Base(line.File), line.Line)
		}
		return fmt.Sprintf("insn %d", i)
	}
	return ""
}

const overrideReturn = 58

// functionArgs are bpf_get_func_arg, _ret and _arg_cnt.
var functionArgs = []int64{183, 184, 185}

// reading are the helpers that go to addresses which may be anything: bpf_probe_read and
// its family, probe_write_user, copy_from_user, get_stackid, get_stack.
var reading = []int64{4, 36, 45, 112, 113, 114, 115, 148, getStackID, getStack}

// tellLimits says once what the verifier does not promise.
func (c *compiler) tellLimits() {
	if verifier.Limits != "" && !c.told && !c.Late {
		c.Log(abi.LEVEL_INFO, verifier.Limits)
	}
	c.told = true
}

// isConstant: r0 = NUMBER; exit.
func isConstant(p *vm.Program) bool {
	in := p.Instructions()
	return len(in) == 2 && in[0].OpCode.Class() != vm.LDX && in[0].Dst == vm.R0 && in[0].OpCode.Source() == vm.K &&
		(in[0].OpCode == vm.ALU64|vm.MOV|vm.K || in[0].OpCode == vm.ALU|vm.MOV|vm.K) && in[1].IsExit()
}

// leaf: such code touches nothing but rax.
func (k *code) leaf() bool { return k.constant }

// emit writes the code into a unit in which tails is the stub of its tail calls.
func (k *code) emit(u *plan.Unit, tails uint32) uint32 {
	at := u.Align(jit.Align)
	u.Emit(k.Text...)
	for _, r := range k.Relocs {
		out := plan.Reloc{At: at + uint32(r.Offset), Addend: r.Addend}
		switch r.Target {
		case jit.TargetHelper:
			out.Kind, out.Sym = abi.RELOC_HELPER_ABS64, abi.HELPER_BPF+uint32(r.ID)
		case jit.TargetTailCall:
			out.Kind, out.Addend = abi.RELOC_ARENA_ABS64, int64(tails)
		case jit.TargetMapValue:
			out.Kind, out.Sym = abi.RELOC_MAP_ABS64, k.maps[r.ID]-1
			out.Addend += abi.MAP_DATA_OFF
		default:
			out.Kind, out.Sym = abi.RELOC_MAP_ABS64, k.maps[r.ID]-1
		}
		u.Relocs = append(u.Relocs, out)
	}
	return at
}

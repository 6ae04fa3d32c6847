package object

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// Options are what an object is linked with. The zero value changes nothing.
type Options struct {
	// Constants are values for constants (const volatile) of the object.
	Constants []Constant

	// Maps changes maps before they are made.
	Maps []MapOption

	// Helper reports which helpers there are; nil: those with a prototype in
	// vm/helper. Calls of others are refused, unless they never happen.
	Helper func(id int32) bool
}

// MapOption changes one map.
type MapOption struct {
	Name       string
	MaxEntries uint32 // 0: as the object says
	Where      string // as in Constant
}

// Object is a linked object: what to make before its programs run.
type Object struct {
	Name string
	Maps []*MapSpec // a program refers to a map by its index here

	spec  *Spec
	opts  Options
	funcs map[string]*Function
	index map[string]int // of maps
	ext   map[string]*Extern
	types *btf.Spec // of the kernel, made when first needed
}

// Program is a program ready for the verifier.
type Program struct {
	Name string
	SEC  Section
	Prog *vm.Program

	// Funcs are the functions it consists of, in the order of Prog.Functions().
	Funcs []*Function
	// Origin says for each instruction where it comes from.
	Origin []Origin

	object *Object
	// pruned links it again without what constants decide is never run.
	pruned func() (*Program, error)
}

// Origin is an instruction of the object.
type Origin struct {
	Func *Function
	Insn int // index into its Insns
}

// Line is the line of the source that the instruction at an index comes from.
func (p *Program) Line(insn int) (Line, bool) {
	o := p.Origin[insn]
	return o.Func.LineOf(o.Insn)
}

// Maps are the indexes of the maps that the program refers to, sorted.
func (p *Program) Maps() []int {
	var out []int
	for _, in := range p.Prog.Instructions() {
		if in.IsMapRef() {
			out = append(out, int(int32(in.Imm)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Verify has the program verified for a context. Whoever attaches it where writing there
// means nothing asks WritesContext. The error says where in the object it is; it wraps a
// *vm.Error. As in the kernel, what constants decide is never run may be anything: then
// it is no longer in the program.
func (p *Program) Verify(context Context) (*verifier.Verified, error) {
	v, err := p.verify(context)
	if err == nil {
		return v, nil
	}
	less, failed := p.pruned()
	if failed != nil || less.Prog.Len() == p.Prog.Len() {
		return nil, err
	}
	*p = *less
	p.pruned = func() (*Program, error) { return p, nil }
	return p.verify(context)
}

func (p *Program) verify(context Context) (*verifier.Verified, error) {
	opts := verifier.Options{Helper: p.object.opts.Helper, Context: context.Size, HiddenContext: context.Hidden, WriteContext: context.Writable}
	for _, m := range p.object.Maps {
		opts.Maps = append(opts.Maps, *described(m))
	}
	v, err := verifier.Verify(p.Prog, opts)
	return v, p.locate(err)
}

// described is what the verifier has to know of a map.
func described(m *MapSpec) *verifier.Map {
	if m == nil {
		return nil
	}
	return &verifier.Map{
		Name: m.Name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags, Inner: described(m.Inner), Start: m.Extra,
	}
}

// locate names the place in the object of the verifier's error, which names an
// instruction of the program.
func (p *Program) locate(err error) error {
	var invalid *vm.Error
	if !errors.As(err, &invalid) {
		return err
	}
	i, ok := p.Prog.Index(invalid.Slot)
	if !ok {
		return err
	}
	e := p.Origin[i].fail(&refusal{fmt.Sprintf("%s: %s", invalid.Insn, invalid.Reason), ""})
	e.Object, e.Err = p.object.Name, err
	return e
}

// Link sets constants and changes maps. What is wrong with one program only is
// told by Program.
func Link(spec *Spec, opts Options) (o *Object, err error) {
	defer recovered(spec.Name, "linking", &err)
	if opts.Helper == nil {
		opts.Helper = hasPrototype
	}
	o = &Object{
		Name: spec.Name, spec: spec, opts: opts,
		funcs: map[string]*Function{}, index: map[string]int{}, ext: map[string]*Extern{},
	}
	for _, f := range spec.Functions {
		o.funcs[f.Name] = f
	}
	for _, x := range spec.Externs {
		o.ext[x.Name] = x
	}
	for i, m := range spec.Maps {
		m := *m
		m.Contents, m.Globals = bytes.Clone(m.Contents), bytes.Clone(m.Globals)
		o.Maps, o.index[m.Name] = append(o.Maps, &m), i
	}
	for _, step := range []func() error{o.changeMaps, o.setConstants, o.configure} {
		if err := step(); err != nil {
			return nil, of(spec.Name, err)
		}
	}
	return o, nil
}

func hasPrototype(id int32) bool {
	_, ok := helper.ByID(id)
	return ok
}

// Map returns the map of that name, nil if there is none.
func (o *Object) Map(name string) *MapSpec {
	if i, ok := o.index[name]; ok {
		return o.Maps[i]
	}
	return nil
}

// misplaced is an error about an option, which was written somewhere else.
func misplaced(where, place string, err error) error {
	if err == nil {
		return nil
	}
	e := failure(place, "%w", err)
	e.Where = where
	return e
}

func (o *Object) changeMaps() error {
	for _, c := range o.opts.Maps {
		m := o.Map(c.Name)
		if m == nil {
			known := slices.DeleteFunc(names(o.Maps, func(m *MapSpec) string { return m.Name }), func(n string) bool { return o.Map(n).IsData() })
			return misplaced(c.Where, "maps", fmt.Errorf("there is no map %q; %s", c.Name, suggest(c.Name, known)))
		}
		if c.MaxEntries == 0 {
			continue
		}
		if m.IsData() {
			return misplaced(c.Where, "maps", fmt.Errorf("%s is a data section: it has one entry", c.Name))
		}
		m.MaxEntries = c.MaxEntries
	}
	return nil
}

// setConstants writes the values of constants into their sections.
func (o *Object) setConstants() error {
	for _, c := range o.opts.Constants {
		if err := o.setConstant(c); err != nil {
			return misplaced(c.Where, "rodata", err)
		}
	}
	return nil
}

func (o *Object) setConstant(c Constant) error {
	var known []string
	for _, m := range o.Maps {
		types, ok := m.Value.(*btf.Datasec)
		if !ok || !m.IsData() || m.Name == ".kconfig" {
			continue
		}
		v, found := findVariable(types, c.Name)
		switch {
		case found && !isConstant(m.Name):
			return fmt.Errorf("%s is a variable in %s, not a constant; declare it const volatile, or write it while it runs", c.Name, m.Name)
		case found:
			return o.encode(m, v, c)
		case isConstant(m.Name):
			known = append(known, names(types.Vars, func(v btf.VarSecinfo) string { return v.Type.TypeName() })...)
		}
	}
	if o.spec.Types == nil {
		return fmt.Errorf("%s: the object has no BTF, which says where constants are; compile it with -g", c.Name)
	}
	return fmt.Errorf("there is no constant %q; %s", c.Name, suggest(c.Name, known))
}

func findVariable(types *btf.Datasec, name string) (btf.VarSecinfo, bool) {
	for _, v := range types.Vars {
		if v.Type.TypeName() == name {
			return v, true
		}
	}
	return btf.VarSecinfo{}, false
}

func (o *Object) encode(m *MapSpec, v btf.VarSecinfo, c Constant) error {
	variable, ok := v.Type.(*btf.Var)
	if !ok || uint64(v.Offset)+uint64(v.Size) > uint64(len(m.Contents)) {
		return fmt.Errorf("%s lies outside of section %s", c.Name, m.Name)
	}
	size, err := btf.Sizeof(variable.Type)
	if err == nil && uint32(size) != v.Size {
		err = fmt.Errorf("is %d bytes long, and a %s", v.Size, typeName(variable.Type))
	}
	if err == nil {
		err = encode(m.Contents[v.Offset:v.Offset+v.Size], variable.Type, c.Value)
	}
	if err != nil {
		return fmt.Errorf("%s %w", c.Name, err)
	}
	return nil
}

// Program links the function of that name and everything it calls.
func (o *Object) Program(name string) (p *Program, err error) {
	defer recovered(o.Name, "linking "+name, &err)
	spec := o.spec.Program(name)
	if spec == nil {
		err := failure("", "there is no program %q", name)
		return nil, of(o.Name, err.helped(suggest(name, names(o.spec.Programs, func(p *ProgramSpec) string { return p.Name }))))
	}
	l := &linker{Object: o, starts: map[*Function]int{}}
	p, err = l.link(spec)
	return p, of(o.Name, err)
}
